/** Shells a command can be given to, or whose login environment a run can have. */
export const shellNames = [
  'sh',
  'bash',
  'dash',
  'zsh',
  'mksh',
  'fish',
  'ash',
  'pwsh',
  'powershell',
  'cmd',
] as const;
