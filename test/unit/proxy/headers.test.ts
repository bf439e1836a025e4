import { expect, test } from 'vitest';
import { endToEnd, headerValues } from '../../../plugin/proxy/headers.ts';

test('fields of the hop and those that Connection names are left out, the others keep order, case and number', () => {
  const kept = [
    'Vary',
    'A',
    'vary',
    'B',
    'X-Auth-Token',
    't',
    'Content-Length',
    '0',
    'OpenStack-API-Version',
    'compute 2.1',
  ];
  const hop = [
    ...['Connection', 'close, X-Private', 'connection', 'X-Auth-Token , content-length,OpenStack-API-Version'],
    ...['Keep-Alive', 'timeout=5', 'TE', 'trailers', 'Upgrade', 'h2c'],
    ...['Proxy-Connection', 'x', 'x-private', '1'],
  ];
  expect(endToEnd([...kept.slice(0, 4), ...hop, ...kept.slice(4)])).toEqual(kept);
});

test('headerValues gives every value of a name, whatever its case', () => {
  expect(headerValues(['Vary', 'A', 'X', 'y', 'vary', 'B'], 'vary')).toEqual(['A', 'B']);
});
