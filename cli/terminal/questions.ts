/** Questions to the person, on a terminal on which other things are drawn. */

export interface Questions {
  /** One after the other. Undefined: there is no terminal, or no wish to answer. */
  ask(question: string): Promise<string | undefined>;
  /** While one is open nothing may be drawn: it has the bottom of the terminal. */
  readonly isOpen: boolean;
  /** Has `giveWay` called before a question is shown, until the function returned is called. */
  onOpen(giveWay: () => void): () => void;
}

export function createQuestions(
  ask = async (question: string) => (await import('./ask.ts')).askOnTerminal(question),
): Questions {
  const watchers = new Set<() => void>();
  let open = 0;
  let last: Promise<unknown> = Promise.resolve();
  return {
    async ask(question) {
      open += 1;
      if (open === 1) for (const giveWay of [...watchers]) giveWay();
      const answer = last.then(() => ask(question));
      last = answer.catch(() => {});
      try {
        return await answer;
      } finally {
        open -= 1;
      }
    },
    get isOpen() {
      return open > 0;
    },
    onOpen(giveWay) {
      watchers.add(giveWay);
      return () => watchers.delete(giveWay);
    },
  };
}
