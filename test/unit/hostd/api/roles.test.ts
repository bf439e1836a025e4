import { describe, expect, it } from 'vitest';
import { authorise, clientName } from '../../../../hostd/api/roles.ts';

const subject = (CN: string | string[] | undefined) => Object.assign(Object.create(null), { CN });

describe('clientName', () => {
  it.each(['plugin', 'a b', '__proto__', 'ünïcode ✓', 'a\nb', 'CN=x, O=y', '*'])('takes %j as it is', (name) => {
    expect(clientName(subject(name))).toBe(name);
  });

  it.each([
    [undefined, 'no common name'],
    [subject(undefined), 'no common name'],
    [subject(''), 'no common name'],
    [subject(['plugin', 'other']), '2 common names'],
  ])('refuses the subject %j', (wrong, why) => {
    expect(() => clientName(wrong)).toThrow(why);
  });
});

describe('authorise', () => {
  const clients = { plugin: 'reserve', grafana: 'read', ünï: 'read' } as const;

  it.each([
    ['plugin', 'read'],
    ['plugin', 'reserve'],
    ['grafana', 'read'],
    ['ünï', 'read'],
  ] as const)('lets %s %s', (name, role) => {
    expect(() => authorise(clients, name, role)).not.toThrow();
  });

  it.each([
    ['stranger', 'read', 'Add "stranger": read under "clients"'],
    ['stranger', 'reserve', 'Add "stranger": reserve under "clients"'],
    ['grafana', 'reserve', 'Set "grafana": reserve under "clients"'],
    // Not what a plain object has by birth, and no near misses.
    ['constructor', 'read', 'not known'],
    ['__proto__', 'read', 'not known'],
    ['Plugin', 'read', 'not known'],
    ['plugin ', 'read', 'not known'],
    ['plugin\0', 'read', 'not known'],
    ['grafana", "x', 'read', 'Add "grafana\\", \\"x": read'],
  ] as const)('does not let %j %s, and says what to write', (name, role, text) => {
    expect(() => authorise(clients, name, role)).toThrow(text);
  });
});
