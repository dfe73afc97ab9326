import { request } from 'node:http';
import { expect, test } from 'vitest';
import { KEY, keyFile, type TestService, testService } from '../test-support/service.ts';

/** With headers that `fetch` does not let one set. */
async function get(service: TestService, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${service.url}/api/v1/sessions`, { headers, agent: false }, response => {
      response.resume();
      resolve(response.statusCode as number);
    })
      .on('error', reject)
      .end();
  });
}

test.each<[string, number]>([
  ['127.0.0.1', 200],
  ['127.8.9.1:1234', 200],
  ['localhost', 200],
  ['LocalHost:80', 200],
  ['app.localhost:80', 200],
  ['[::1]:8080', 200],
  ['proxy.example:443', 200],
  ['evil.example', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['127.evil.example', 403],
  ['user@localhost', 403],
  ['localhost:80:80', 403],
  ['[::ffff:1.2.3.4]', 403],
  ['10.0.0.1', 403],
  ['@', 403],
])('on loopback, a request for the host %j', async (host, status) => {
  const service = await testService({ allowedHosts: ['Proxy.example'] });
  expect(await get(service, { host })).toBe(status);
});

test.each<[string, number]>([
  ['http://localhost:5', 200],
  ['https://localhost:5', 200],
  ['http://localhost:6', 403],
  ['http://localhost', 403],
  ['https://evil.example', 403],
  ['null', 403],
  ['', 403],
  ['http://localhost:5/x', 403],
])('a request from the origin %j', async (origin, status) => {
  const service = await testService();
  expect(await get(service, { host: 'localhost:5', origin })).toBe(status);
});

test('beyond loopback any name will do, a foreign origin will not', async () => {
  const service = await testService({ host: '0.0.0.0', tokenFile: keyFile() });
  const authorization = `Bearer ${KEY}`;
  expect(await get(service, { authorization, host: 'ci.example' })).toBe(200);
  expect(await get(service, { authorization, host: 'ci.example', origin: 'http://evil.example' })).toBe(403);
});
