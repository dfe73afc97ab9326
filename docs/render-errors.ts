/** Writes docs/errors.md from the registry: `node docs/render-errors.ts`. */
import { writeFileSync } from 'node:fs';
import { type ErrorEntry, errorRegistry } from '../contract/error-registry.ts';

const cell = (text: string) => text.replaceAll('|', '\\|');
const rows = Object.entries<ErrorEntry>(errorRegistry).map(
  ([code, { exit, text, remedy }]) => `| \`${code}\` | ${exit} | ${cell(text)} | ${cell(remedy)} |`,
);

writeFileSync(
  new URL('errors.md', import.meta.url),
  `# Errors

Every error has a stable code, names the value and the host, and says what to do next. \`{...}\` stands for a value.
The exit code is the CLI's when this error decides it; over HTTP each is a Problem document (RFC 9457).
This table is made from \`contract/error-registry.ts\` by \`npm run docs\`, and a test keeps the two equal.

| code | exit | text | remedy |
|---|---|---|---|
${rows.join('\n')}
`,
);
