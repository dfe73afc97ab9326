/**
 * The text of the script file that PowerShell runs: it prepares the session, runs the user's command or script, and ends with
 * an exit code that tells the truth.
 *
 * It calls .NET only and no cmdlet before the user's own, since a cmdlet loads a module first. There is no `try` around
 * what the user runs: within one, PowerShell gives up at errors (`1/0`) that a script otherwise survives. An error that
 * ends the script is shown by PowerShell itself, which then exits with 1.
 */
import { boundArguments, plainArguments, quotePowerShell } from './quote.ts';

/** The exit code for a command that PowerShell does not have; 127 as in a POSIX shell. */
const NOT_FOUND = 127;

/** Progress first: Windows PowerShell would send the next statement's as XML on stderr. */
const PREAMBLE = `$ProgressPreference = 'SilentlyContinue'
if ($PSStyle) { $PSStyle.OutputRendering = 'PlainText' }
$OutputEncoding = [System.Text.UTF8Encoding]::new($false)
if ([Console]::OutputEncoding.CodePage -ne 65001) { try { [Console]::OutputEncoding = $OutputEncoding } catch { } }
if ([Console]::InputEncoding.CodePage -ne 65001) { try { [Console]::InputEncoding = $OutputEncoding } catch { } }
$global:AwOk = $true
`;

/**
 * A native failure that nothing overwrote counts, then whether the last statement succeeded. The variable is asked for in a
 * way that also works under the user's Set-StrictMode.
 */
const EPILOGUE = `
$awCode = $ExecutionContext.SessionState.PSVariable.GetValue('global:LASTEXITCODE')
if ($awCode -is [int] -and $awCode -ne 0) { exit $awCode }
if (-not $global:AwOk) { exit 1 }
exit 0
`;

/**
 * Runs the user's text as if it stood here, so that `exit`, `$args`, `param()` and early `return` mean what they mean in a
 * script. `$?` is true after any script block, so the last statement's is read inside, where the text allows a line more.
 */
export function scriptRunner(script: string, args: readonly string[]): string {
  const text = Buffer.from(script.replace(/^\ufeff/, '')).toString('base64');
  return `${PREAMBLE}$awText = [System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String('${text}'))
${PARSE}${call({ target: '. $awBlock', args, declares: '$null -ne $awAst.ParamBlock', input: usesInput(script) })}${EPILOGUE}`;
}

const PARSE = `$awTokens = $null
$awErrors = $null
$awAst = [System.Management.Automation.Language.Parser]::ParseInput($awText, [ref]$awTokens, [ref]$awErrors)
if ($awErrors.Count -ne 0) {
  foreach ($awError in $awErrors) {
    $awAt = $awError.Extent.StartScriptPosition
    [Console]::Error.WriteLine([string]::Concat('line ', $awAt.LineNumber, ', column ', $awAt.ColumnNumber, ': ') + $awError.Message)
    [Console]::Error.WriteLine('    ' + $awAt.Line.TrimEnd())
  }
  exit 1
}
if ($awAst.EndBlock.Unnamed) {
  $awMarked = [System.Management.Automation.Language.Parser]::ParseInput($awText + [char]10 + [char]10 + '$global:AwOk = $?', [ref]$awTokens, [ref]$awErrors)
  if ($awErrors.Count -eq 0) { $awAst = $awMarked }
}
$awBlock = $awAst.GetScriptBlock()
`;

/**
 * Runs a cmdlet, function, alias or script file.
 * @param input whether it reads the pipeline, as a `.ps1` with `$input` does
 */
export function commandRunner(name: string, args: readonly string[], input: boolean): string {
  return `${PREAMBLE}$awName = ${quotePowerShell(name)}
${LOOK_UP}${call({ target: '& $awCommand', args, declares: '$awDeclares', input, after: '\n$global:AwOk = $?' })}${EPILOGUE}`;
}

/** Not for programs: PowerShell changes their arguments on the way, so an alias of one is refused too. */
const LOOK_UP = `$awCommand = $ExecutionContext.InvokeCommand.GetCommand($awName, 'Alias,Function,Filter,Cmdlet,ExternalScript')
if ($awCommand -is [System.Management.Automation.AliasInfo]) { $awCommand = $awCommand.ResolvedCommand }
if ($null -eq $awCommand -or $awCommand -is [System.Management.Automation.ApplicationInfo]) {
  [Console]::Error.WriteLine($awName + ': not found: PowerShell has no such cmdlet, function, alias or script file')
  exit ${NOT_FOUND}
}
$awDeclares = $true
try { $awDeclares = $awCommand.Parameters.Count -ne 0 } catch { }
`;

interface Call {
  target: string;
  args: readonly string[];
  /** A condition: the target declares parameters. */
  declares: string;
  /** Whether the target is given what comes on stdin. */
  input: boolean;
  /** What directly follows the call. */
  after?: string;
}

/**
 * The call, in two forms where they differ; which one, only the session knows. The loop is for a `break` or `continue`
 * outside of any other, which would else end this file before its last lines.
 */
function call({ target, args, declares, input, after = '' }: Call): string {
  const form = (words: readonly string[]) =>
    [input ? `$input | ${target}` : target, ...words].join(' ') + after;
  const bound = form(boundArguments(args));
  const plain = form(plainArguments(args));
  const either = bound === plain ? bound : `if (${declares}) {\n${bound}\n} else {\n${plain}\n}`;
  return `do {\n${either}\n} while ($false)`;
}

/**
 * Whether a script names `$input`. PowerShell reads stdin for a file that does, so the runner says it exactly then: otherwise
 * stdin is for the programs that the script starts.
 */
export function usesInput(script: string): boolean {
  return /\$\{?input\b/i.test(script);
}
