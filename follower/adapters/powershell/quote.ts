/** Words of a PowerShell command in source text, for Windows PowerShell 5.1 and PowerShell 7 alike. */

/**
 * A single-quoted literal: nothing in it is expanded, and line breaks may stand in it. The tokenizer takes five
 * characters for a single quote and reads any two of them side by side as the second one, so each is doubled with itself.
 */
export function quotePowerShell(text: string): string {
  return `'${text.replace(/['\u2018-\u201b]/g, '$&$&')}'`;
}

/**
 * A parameter name as the tokenizer reads it, perhaps with a value: `-Path`, `-Path:` and `-Path:value`. It reads UTF-16 units, so
 * letters beyond them do not count.
 */
const PARAMETER =
  /^(-[[\p{L}_]--[\u{10000}-\u{10ffff}]][[\p{L}\p{Nd}_\-]--[\u{10000}-\u{10ffff}]]*)(?:(:)(.*))?$/sv;
/** The escape: one backtick more than the data has. */
const ESCAPED = /^`+-[\p{L}_]/u;

/**
 * The arguments for a command that declares parameters, as words of one line.
 *
 * PowerShell knows a parameter only by its being a bare word, so `-Name` stands bare, `-Name:value` as a bare `-Name:` with its
 * value, and after `-Name:` the next argument is that value. All else is a literal string: `a,b` is no array, `$x` no
 * variable. Only `$true` and `$false` after a `-Name:` are what they look like, as there is no other way to give a switch.
 *
 * Data that looks like a parameter is given with a backtick in front, as in PowerShell itself: `` `-Recurse `` is the string
 * `-Recurse`, and ``` ``-Recurse ``` is `` `-Recurse ``.
 */
export function boundArguments(args: readonly string[]): string[] {
  const words: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    const [, name, colon, value] = PARAMETER.exec(argument) ?? [];
    if (name === undefined) words.push(quotePowerShell(unescaped(argument)));
    else if (colon === undefined) words.push(name);
    else if (value !== '') words.push(`${name}:${parameterValue(value!)}`);
    else if (index + 1 < args.length) words.push(`${name}:${parameterValue(args[++index]!)}`);
    else words.push(quotePowerShell(argument));
  }
  return words;
}

/**
 * The arguments for a command that declares no parameters and finds them in `$args`: every string exactly as given. Names
 * stand bare here too, so that a command which hands `@args` on still hands on parameters.
 */
export function plainArguments(args: readonly string[]): string[] {
  return args.map(argument =>
    PARAMETER.test(argument) && !argument.includes(':') ? argument : quotePowerShell(unescaped(argument)),
  );
}

function parameterValue(text: string): string {
  return /^\$(?:true|false)$/i.test(text) ? text : quotePowerShell(text);
}

function unescaped(argument: string): string {
  return ESCAPED.test(argument) ? argument.slice(1) : argument;
}
