/** The cursor of the terminal, hidden for a while. */

const [HIDE, SHOW] = ['\x1b[?25l', '\x1b[?25h'];
const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Hides the cursor until the function it returns is called, this process ends (also by a signal nobody else listens
 * to), or is stopped (Ctrl-Z); `onContinue` is called when it goes on after that.
 */
export function hideCursor(write: (text: string) => void, onContinue: () => void): () => void {
  const show = () => write(SHOW);
  const die = (signal: NodeJS.Signals) => {
    // Alone, and called before the others: a listener that goes away within this signal has still dealt with it.
    if (process.listenerCount(signal) > 1) return;
    giveBack();
    process.kill(process.pid, signal);
  };
  const stop = () => {
    show();
    process.kill(process.pid, 'SIGSTOP');
    // Here again when the process goes on, and before anything else is drawn.
    write(HIDE);
    onContinue();
  };
  function giveBack(): void {
    for (const signal of DEADLY) process.off(signal, die);
    process.off('SIGTSTP', stop);
    process.off('exit', show);
    show();
  }
  for (const signal of DEADLY) process.prependListener(signal, die);
  process.on('SIGTSTP', stop);
  process.on('exit', show);
  write(HIDE);
  return giveBack;
}
