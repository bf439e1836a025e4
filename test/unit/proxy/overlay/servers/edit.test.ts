import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { UpstreamAnswer } from '../../../../../plugin/proxy/live-migrate.ts';
import { shownMigrating } from '../../../../../plugin/proxy/overlay/servers/edit.ts';
import { pythonJson } from '../../../../../plugin/proxy/overlay/views.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const OTHER = '2f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const MIGRATING = new Set([VM]);
const TASK = 'OS-EXT-STS:task_state';

function answerOf(body: string | Buffer, more: string[] = [], status = 200): UpstreamAnswer {
  const bytes = Buffer.from(body as string);
  const length = ['Content-Length', String(bytes.length)];
  return { status, statusMessage: 'OK', rawHeaders: ['X-A', '1', ...length, 'x-b', '2', ...more], body: bytes };
}

const one = (members: object) => pythonJson({ server: { id: VM, ...members } });
const edited = (text: string) => shownMigrating(answerOf(text), 'server', MIGRATING);

describe('a server whose migration waits', () => {
  test.each([
    ['ACTIVE', null, 'MIGRATING', 'migrating'],
    ['PAUSED', null, 'MIGRATING', 'migrating'],
    ['ACTIVE', 'powering-off', 'ACTIVE', 'powering-off'],
    ['REBOOT', 'rebooting', 'REBOOT', 'rebooting'],
    ['MIGRATING', 'migrating', 'MIGRATING', 'migrating'],
    ['SHUTOFF', null, 'SHUTOFF', null],
    ['SUSPENDED', null, 'SUSPENDED', null],
    ['ERROR', null, 'ERROR', null],
  ])('that Nova shows as %s with task %s is %s, %s', (status, task, shown, shownTask) => {
    const around = (a: string, b: string | null) =>
      one({ name: 'größe "ACTIVE"', status: a, tags: [a], [TASK]: b, z: 1.0 });
    expect(edited(around(status, task)).body.toString()).toBe(
      around(shown, shownTask).replace(`"tags": ["${shown}"]`, `"tags": ["${status}"]`),
    );
  });

  test('is shown so too where Nova does not tell its task', () => {
    expect(edited(one({ status: 'ACTIVE' })).body.toString()).toBe(one({ status: 'MIGRATING' }));
  });

  test('changes the length and no other field of the header', () => {
    const answer = edited(one({ status: 'ACTIVE', [TASK]: null }));
    expect(answer.rawHeaders).toEqual(['X-A', '1', 'Content-Length', String(answer.body.length), 'x-b', '2']);
  });

  test('is found among others, which stay as they are', () => {
    const list = (status: string, task: string | null) =>
      pythonJson({
        servers: [
          { status: 'ACTIVE', [TASK]: null, id: OTHER },
          { metadata: { status: 'ACTIVE', id: VM }, status, [TASK]: task, id: VM, addresses: { a: [{ id: VM }] } },
          { id: OTHER, status: 'ACTIVE', description: `{"server": {"id": "${VM}", "status": "ACTIVE"}}`, [TASK]: null },
        ],
        servers_links: [{ rel: 'next', href: `http://nova/v2.1/servers/detail?marker=${VM}` }],
      });
    const answer = shownMigrating(answerOf(list('ACTIVE', null)), 'servers', MIGRATING);
    expect(answer.body.toString()).toBe(list('MIGRATING', 'migrating'));
  });

  test('leaves every other byte, however the document is written', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const spaces = fc.constantFrom('', ' ', '\n  ', '\t');
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), json, spaces, fc.boolean(), (more, value, space, isOurs) => {
        const { id: _1, status: _2, [TASK]: _3, ...others } = more;
        const members = Object.entries({ ...others, id: isOurs ? VM : OTHER, about: [VM, value] });
        const write = (state: string, task: string) =>
          `{${space}"servers":${space}[{${[
            ...members.map(([name, member]) => `${JSON.stringify(name)}${space}:${JSON.stringify(member)}`),
            `"status": ${space}${state}`,
            `"${TASK}":${task}${space}`,
          ].join(`${space},`)}}, {}, {"id": null}]}`;
        const answer = answerOf(write('"ACTIVE"', 'null'));
        const shown = shownMigrating(answer, 'servers', MIGRATING).body.toString();
        expect(shown).toBe(isOurs ? write('"MIGRATING"', '"migrating"') : answer.body.toString());
      }),
    );
  });
});

describe('Nova’s very answer comes back', () => {
  const text = one({ status: 'ACTIVE', [TASK]: null });
  test.each<[string, UpstreamAnswer]>([
    ['for another server', answerOf(text.replace(VM, OTHER))],
    ['where it is no 200', answerOf(text, [], 203)],
    ['where it is compressed', answerOf(text, ['Content-Encoding', 'gzip'])],
    ['where it has a digest', answerOf(text, ['ETag', '"1"'])],
    ['where it is no JSON', answerOf(text.slice(0, -1))],
    ['where it is no UTF-8', answerOf(Buffer.from(text.replace('ACTIVE', 'ACTIVE", "n": "\xff'), 'latin1'))],
    ['where a member comes twice', answerOf(text.replace('{"id"', '{"status": "ACTIVE", "id"'))],
    ['where it is another document', answerOf(pythonJson({ servers: [{ id: VM, status: 'ACTIVE' }] }))],
    ['where it is a list', answerOf(`[${text}]`)],
    ['where the server is none', answerOf(pythonJson({ server: VM }))],
    ['where its status is none', answerOf(one({ status: ['ACTIVE'], [TASK]: null }))],
  ])('%s', (_name, answer) => {
    expect(shownMigrating(answer, 'server', MIGRATING)).toBe(answer);
  });
});
