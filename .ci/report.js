/** What a JSON report of the tests says: the files that failed, or how many tests ended how. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [what, file, status] = process.argv.slice(2);
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
  readFileSync(file, 'utf8'),
);
const failed = testResults.filter(result => result.status === 'failed');

if (what === 'failed') {
  for (const { name } of failed) console.log(relative(process.cwd(), name));
} else {
  // A file that could not even be loaded has no tests to count.
  const bad = numFailedTests + failed.filter(result => result.assertionResults.length === 0).length;
  const isMended = status === '0';
  console.log(
    `${numPassedTests + (isMended ? bad : 0)} passed, ${isMended ? 0 : bad} failed, ${numPendingTests + numTodoTests} skipped`,
  );
}
