import { expect, test } from 'vitest';
import { junitReport } from './junit.ts';
import { createKeptOutput } from './kept-output.ts';
import { everyVerdict, exited, hostsOf, printed, record } from './recorded-events.ts';

function reportOf(
  hosts: readonly string[],
  events: Parameters<ReturnType<typeof record>['play']>[0],
  command = 'npm test',
) {
  const recording = record(hosts);
  recording.play(events);
  return junitReport({ command, view: recording.surroundings.view, outputs: recording.outputs.byHost });
}

/** A reader strict enough to notice what a real one would refuse; gives the text of all CDATA sections. */
function readXml(xml: string): string[] {
  expect(xml).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/);
  expect(xml.isWellFormed()).toBe(true);
  const texts: string[] = [];
  const withoutCdata = xml.replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, (_, text: string) => {
    texts.push(text);
    return '';
  });
  const open: string[] = [];
  const rest = withoutCdata.replace(
    /<\?xml [^<>]*\?>|<(\/?)([\w-]+)((?: [\w-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, closing: string, name: string | undefined, attributes = '', empty: string) => {
      if (name === undefined) return '';
      expect(attributes.replace(/&(?:amp|lt|gt|quot|#x[0-9A-F]+);/g, '')).not.toContain('&');
      if (closing) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name);
      return '';
    },
  );
  expect(rest.trim()).toBe('');
  expect(open).toEqual([]);
  return texts;
}

test('a suite for each host; failures and errors apart', () => {
  const xml = reportOf(hostsOf(everyVerdict), everyVerdict);
  readXml(xml);
  expect(xml).toContain('<testsuites name="run-everywhere" tests="8" failures="3" errors="3" skipped="0">');
  expect(xml.match(/<testsuite name="[^"]+"/g)).toHaveLength(8);
  expect(xml).toContain('<failure message="exit 7" type="failed"/>');
  expect(xml).toContain(
    '<failure message="timed out: the run took longer than 60 s and was ended" type="timeout"/>',
  );
  expect(xml).toMatch(
    /<error message="lost: AW_HOST_UNREACHABLE: cannot reach the follower: refused \(remedy: /,
  );
});

test('output that XML cannot hold, or that looks like XML, makes a valid report', () => {
  const nasty = 'a\x00\x08\x0b\x1b[31mred\x1b[0m\ufffe]]>]]><b a="1">&amp;\r\n😀';
  const xml = reportOf(
    ['h'],
    [printed('h', nasty), printed('h', Buffer.from('ff]]>', 'latin1'), 'stderr'), exited('h', {})],
    'x "<&>" \x07',
  );
  const texts = readXml(xml);
  expect(texts.join('')).toContain('ared]]>]]><b a="1">&amp;\r\n😀');
  expect(xml).toContain('name="x &quot;&lt;&amp;');
});

test('what is left out of long output is said', () => {
  const recording = record(['h']);
  const output = createKeptOutput(1000);
  output.push('stdout', Buffer.alloc(5000, 'x'));
  recording.play([exited('h', {})]);
  const xml = junitReport({
    command: 'c',
    view: recording.surroundings.view,
    outputs: new Map([['h', output]]),
  });
  expect(xml).toMatch(/\.\.\. 4\d{3} bytes left out \.\.\./);
});
