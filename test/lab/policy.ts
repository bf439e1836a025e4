import { parseDocument } from 'yaml';

/** Changes to a shipped policy; its comments and everything else stay. */
export interface PolicyChange {
  /** Priority by name of the server (glob), before the shipped rules. */
  priorities?: { name: string; priority: 'high' | 'medium' | 'low' }[];
  /** SLA of workload traffic on every host. */
  limits?: { lower: string; upper: string };
  batchWindow?: string;
  /** This technique for every migration. */
  technique?: 'pre-copy' | 'post-copy' | 'hybrid-copy';
  /** This strategy for every migration. */
  strategy?: 'serial' | 'parallel';
  destination?: 'keep' | 'least-contended';
}

/** The text of a policy made from a shipped one. */
export function changedPolicy(shipped: string, change: PolicyChange): string {
  const document = parseDocument(shipped);
  if (change.priorities) document.setIn(['priorities', 'rules'], document.createNode(change.priorities));
  if (change.limits) document.setIn(['limits', 'default'], document.createNode(change.limits));
  if (change.batchWindow) document.setIn(['batchWindow'], change.batchWindow);
  if (change.technique) document.setIn(['technique'], document.createNode([{ technique: change.technique }]));
  if (change.strategy) document.setIn(['strategy'], document.createNode([{ strategy: change.strategy }]));
  if (change.destination) document.setIn(['destination'], change.destination);
  return document.toString();
}
