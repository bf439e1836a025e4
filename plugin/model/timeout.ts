const GIBIBYTE = 2 ** 30;
/** A smaller guest counts as one of 2 GiB. */
const LEAST_GIBIBYTES = 2;

/**
 * When Nova ends a live migration, ms after its start; null: never. Whole seconds, looked at every 0.5 s; the disks of a
 * block migration would count too, and are not known here (nova/virt/libvirt/driver.py, `_live_migration_data_gb` and
 * `_live_migration_monitor`; migration.py, `should_trigger_timeout_action`).
 *
 * | seconds per GiB | memory of the flavor | after   |
 * |-----------------|----------------------|---------|
 * | 800             | 256 MiB              | 1,600 s |
 * | 800             | 4.5 GiB              | 3,600 s |
 * | 1               | 2.7 GiB              | 2 s     |
 * | 0               | any                  | never   |
 */
export function novaTimeoutMs(secondsPerGibibyte: number, flavorMemoryBytes: number): number | null {
  if (secondsPerGibibyte === 0) return null;
  return 1000 * Math.floor(secondsPerGibibyte * Math.max(flavorMemoryBytes / GIBIBYTE, LEAST_GIBIBYTES));
}
