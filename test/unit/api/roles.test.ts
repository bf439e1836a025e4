import { describe, expect, it } from 'vitest';
import { authorise, highestRole, mayActAs } from '../../../plugin/api/roles.ts';
import { Role } from '../../../plugin/contract.ts';

describe('roles', () => {
  it('may do all that stands before them, and nothing that stands after', () => {
    const roles = Role.options;
    for (const [has, role] of roles.entries()) {
      for (const [wanted, other] of roles.entries()) expect(mayActAs(role, other)).toBe(has >= wanted);
    }
    expect(highestRole(['read', 'operate', 'request'])).toBe('operate');
    expect(highestRole([])).toBeNull();
    expect(() => authorise({ name: 'bot', role: 'request' }, 'operate', 'this')).toThrow('takes the role "operate"');
  });
});
