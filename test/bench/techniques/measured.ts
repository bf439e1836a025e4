/** What a policy decides on what was measured before a run in the lab. */
import type { Decision } from '../../../plugin/contract.ts';
import { decide } from '../../../plugin/controller/plan/decide.ts';
import type { World } from '../../../plugin/controller/plan/world.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';
import { host, LINK, NOW, vm } from '../../unit/controller/plan/worlds.ts';
import type { LabRun } from '../predict/lab.ts';

export function decideMeasured(policy: Policy, { cell, features, source, destination }: LabRun): Decision {
  const prioritised = { ...policy, priorities: { ...policy.priorities, default: cell.priority, rules: [] } };
  const { sourceTx, destinationRx, reverseUtilisation, memoryBytes, dirtyWindows } = features;
  const guest = vm(1, {
    ...features.vm,
    memoryBytes,
    dirtyWindows: dirtyWindows.map((window) => ({ ...window, measuredAtMs: NOW })),
  });
  const info = (capacity: number) => ({ linkBitsPerSecond: LINK, shapeableBitsPerSecond: capacity });
  const migration = {
    id: 1,
    vmUuid: guest.vmUuid,
    source,
    destination,
    receivedAtMs: NOW,
    server: { name: 'vm', projectId: 'p', flavorName: 'm', metadata: {}, memoryBytes },
  };
  const world: World = {
    nowMs: NOW,
    policy: prioritised,
    queue: [migration],
    inFlight: [],
    hosts: new Map([
      [
        source,
        host(source, {
          tx: sourceTx.workloadBitsPerSecond,
          // Nothing else of the lab sends to the source.
          rx: features.vm.rxBitsPerSecond,
          vms: [guest],
          info: info(sourceTx.capacityBitsPerSecond),
        }),
      ],
      [
        destination,
        host(destination, {
          tx: reverseUtilisation * LINK,
          rx: destinationRx.workloadBitsPerSecond,
          info: info(destinationRx.capacityBitsPerSecond),
        }),
      ],
    ]),
    previousContention: new Map(),
  };
  return decide(world, prioritised, migration);
}
