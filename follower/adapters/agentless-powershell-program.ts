/**
 * What PowerShell runs on a Windows host without an agent: Windows PowerShell 5.1 and PowerShell 7 alike, and .NET only, since a
 * cmdlet loads a module first. Pure.
 *
 * Names begin with `aw`; none is `$input`, which would make PowerShell read standard input itself.
 */

/**
 * Reads the program, and then what it is asked, from standard input: ten digits, and so many bytes of UTF-8. Not a byte more
 * is read, so that a command gets the rest. It stands in a command line, so it holds nothing else.
 */
export const LOADER = `$ProgressPreference = 'SilentlyContinue'
$awIn = [Console]::OpenStandardInput()
function AwRead([int]$count) {
  $bytes = [byte[]]::new($count)
  for ($at = 0; $at -lt $count; $at += $got) {
    $got = $awIn.Read($bytes, $at, $count - $at)
    if ($got -le 0) { exit 1 }
  }
  [Text.Encoding]::UTF8.GetString($bytes)
}
function AwMessage { AwRead ([int](AwRead 10)) }
. ([ScriptBlock]::Create((AwMessage)))
`;

/** Bytes that a login shell would change if it read them as text, on their way here and back. */
export const UNTOUCHED = '\r\u00fc\u20ac \u0000\u001a';

/**
 * The program. What it says stands on lines of its own, each after `frame` and a blank:
 *
 * | words | meaning |
 * |---|---|
 * | `answer BASE64` | fields, each ended by the next one's NUL: at first those of the host, then those of one `look` |
 * | `started PID TICKS` | what follows is the command's. It is a child of that process, which began at that time |
 * | `unstarted` | Windows would not start it; its reason is on standard error |
 * | `ended CODE` | its exit code, 32 bits without a sign |
 *
 * On standard error `started` and `ended` stand at the same places. The process is that of PowerShell itself: it is known before
 * the command can say anything, and all that is ended with it belongs to the run.
 *
 * Requests, their fields joined by NUL:
 *
 * | request | |
 * |---|---|
 * | `look`, number of paths, paths, files | answer: `f`, `d` or `-` for each path; of each file its first 64 KiB in base64, or `-` |
 * | `run`, directory of `files`, cwd, program, its arguments as one line, number of variables, names and values, number of names, names that go, files and their content in base64 | the command |
 */
export function runProgram(hello: string, frame: string): string {
  return `${speech(frame)}
$awFields = [Collections.Generic.List[string]]::new()
$awFields.Add([IO.Path]::GetTempPath())
foreach ($awEntry in [Environment]::GetEnvironmentVariables().GetEnumerator()) {
  $awFields.Add($awEntry.Key)
  $awFields.Add($awEntry.Value)
}
AwAnswer $awFields
AwSay ('${hello} ' + '${UNTOUCHED}' + [char]10) $awOut
while (($awWords = (AwMessage).Split([char]0))[0] -eq 'look') {
  $awFields = [Collections.Generic.List[string]]::new()
  $awKinds = [Text.StringBuilder]::new()
  $awTexts = 2 + [int]$awWords[1]
  for ($awAt = 2; $awAt -lt $awTexts; $awAt++) {
    $awKind = '-'
    if ([IO.File]::Exists($awWords[$awAt])) { $awKind = 'f' } elseif ([IO.Directory]::Exists($awWords[$awAt])) { $awKind = 'd' }
    [void]$awKinds.Append($awKind)
  }
  $awFields.Add($awKinds.ToString())
  for (; $awAt -lt $awWords.Length; $awAt++) {
    $awFields.Add((AwHead $awWords[$awAt]))
  }
  AwAnswer $awFields
}
$null, $awScratch, $awCwd, $awProgram, $awLine, $awRest = $awWords
$awAt = 0
$awStart = [Diagnostics.ProcessStartInfo]::new($awProgram, $awLine)
$awStart.UseShellExecute = $false
$awStart.WorkingDirectory = $awCwd
for ($awLeft = [int]$awRest[$awAt++]; $awLeft -gt 0; $awLeft--) { $awStart.EnvironmentVariables.Remove($awRest[$awAt]); $awStart.EnvironmentVariables.Add($awRest[$awAt++], $awRest[$awAt++]) }
for ($awLeft = [int]$awRest[$awAt++]; $awLeft -gt 0; $awLeft--) { $awStart.EnvironmentVariables.Remove($awRest[$awAt++]) }
$awSelf = [Diagnostics.Process]::GetCurrentProcess()
$awCode = 126
try {
  if ($awAt -lt $awRest.Length) { [void][IO.Directory]::CreateDirectory($awScratch) }
  while ($awAt -lt $awRest.Length) { [IO.File]::WriteAllBytes($awRest[$awAt++], [Convert]::FromBase64String($awRest[$awAt++])) }
  AwFrame ('started ' + $awSelf.Id + ' ' + $awSelf.StartTime.ToUniversalTime().Ticks)
  $awChild = [Diagnostics.Process]::Start($awStart)
  $awChild.WaitForExit()
  $awCode = [BitConverter]::ToUInt32([BitConverter]::GetBytes([int]$awChild.ExitCode), 0)
} catch {
  AwSay ($_.Exception.GetBaseException().Message + [char]10) $awErr
  AwSay ('${frame} unstarted' + [char]10) $awOut
}
try { if ([IO.Directory]::Exists($awScratch)) { [IO.Directory]::Delete($awScratch, $true) } } catch { }
AwFrame ('ended ' + $awCode)
exit 0
`;
}

/**
 * Ends such a process and all that it has started. It says `hello` when it has found it.
 *
 * A process that has got its number since began after it had ended, so one that began in the same second is that one; not all
 * systems know the time better. The handle, held while both are compared, keeps the number from being given away.
 */
export function endProgram(hello: string, pid: number, ticks: string): string {
  return `${speech('')}
try {
  $awFound = [Diagnostics.Process]::GetProcessById(${pid})
  $awHandle = $awFound.Handle
  $awIsIt = [Math]::Abs($awFound.StartTime.ToUniversalTime().Ticks - ${ticks}) -lt 10000000
} catch { $awIsIt = $false }
if ($awIsIt) {
  if ([Diagnostics.Process].GetMethod('Kill', [type[]]@([bool]))) { $awFound.Kill($true) }
  else {
    $awStart = [Diagnostics.ProcessStartInfo]::new([Environment]::SystemDirectory + '\\taskkill.exe', '/PID ${pid} /T /F')
    $awStart.UseShellExecute = $false
    [Diagnostics.Process]::Start($awStart).WaitForExit()
  }
  AwSay ('${hello}' + [char]10) $awOut
}
exit 0
`;
}

/** Bytes, and not text through PowerShell's own output, which would encode it in its own way. */
function speech(frame: string): string {
  return `$awOut = [Console]::OpenStandardOutput()
$awErr = [Console]::OpenStandardError()
function AwSay([string]$text, $stream) {
  $bytes = [Text.Encoding]::UTF8.GetBytes($text)
  $stream.Write($bytes, 0, $bytes.Length)
  $stream.Flush()
}
function AwFrame([string]$words) {
  AwSay ('${frame} ' + $words + [char]10) $awOut
  AwSay ('${frame} ' + $words.Split(' ')[0] + [char]10) $awErr
}
function AwAnswer($fields) {
  $text = [string]::Join([string][char]0, $fields.ToArray())
  AwSay ('${frame} answer ' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($text)) + [char]10) $awOut
}
function AwHead([string]$path) {
  try {
    $file = [IO.File]::Open($path, 'Open', 'Read', 'ReadWrite')
    try {
      $bytes = [byte[]]::new(65536)
      [Convert]::ToBase64String($bytes, 0, $file.Read($bytes, 0, $bytes.Length))
    } finally { $file.Dispose() }
  } catch { '-' }
}`;
}
