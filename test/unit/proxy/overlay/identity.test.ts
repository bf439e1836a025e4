import fc from 'fast-check';
import { expect, test } from 'vitest';
import { overlayId, overlayUuid, readOverlayUuid, recordId } from '../../../../plugin/proxy/overlay/identity.ts';

test('ids are above all that Nova counts up to, and fit its signed 32-bit column', () => {
  expect(overlayId(42)).toBe(2_000_000_042);
  expect(overlayId(147_483_647)).toBe(2 ** 31 - 1);
  expect(overlayId(147_483_648)).toBeNull();
});

test('an id of the API is read back, Nova’s own and everything else are not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 147_483_647 }), (id) => {
      expect(recordId(String(overlayId(id)))).toBe(id);
    }),
  );
  for (const other of ['1', '1999999999', '2000000000', '2147483648', '02000000001', '2e9', ' 2000000001', '']) {
    expect(recordId(other)).toBeNull();
  }
});

test('a uuid is a valid one of version 8 and says what it was made of', () => {
  const made = { id: fc.integer({ min: 1, max: 2 ** 40 }), createdAtMs: fc.integer({ min: 0, max: 2 ** 43 }) };
  fc.assert(
    fc.property(fc.record(made), (of) => {
      expect(overlayUuid(of)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(readOverlayUuid(overlayUuid(of))).toEqual(of);
      expect(readOverlayUuid(overlayUuid(of).toUpperCase())).toEqual(of);
    }),
  );
});

test('a uuid of Nova’s is none of ours', () => {
  fc.assert(
    fc.property(fc.uuid({ version: 4 }), (uuid) => {
      expect(readOverlayUuid(uuid)).toBeNull();
    }),
  );
  expect(readOverlayUuid('latest')).toBeNull();
});
