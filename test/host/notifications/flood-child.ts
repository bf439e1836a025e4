/** Publishes messages as Nova does: `node flood-child.ts PORT COUNT PER_SECOND`, as user `nova`. */
import { connect } from 'amqplib';
import { novaMessage } from '../../unit/notifications/message.ts';

const [port = '', count = '', perSecond = ''] = process.argv.slice(2);
const model = await connect(`amqp://nova:secret@127.0.0.1:${port}`);
const channel = await model.createConfirmChannel();
const id = (n: number) => `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}`;
const bodies = Array.from({ length: 50 }, (_, n) => novaMessage({ serverId: id(n), eventType: 'instance.update' }));
const beganAtMs = performance.now();
for (let sent = 0; sent < Number(count); ) {
  const due = Math.min(Number(count), ((performance.now() - beganAtMs) / 1000) * Number(perSecond));
  for (; sent < due; sent += 1) {
    channel.publish('nova', 'versioned_notifications.info', bodies[sent % bodies.length] as Buffer);
  }
  await new Promise((done) => setTimeout(done, 5));
}
await channel.waitForConfirms();
process.stdout.write(`${JSON.stringify({ tookMs: performance.now() - beganAtMs })}\n`);
await model.close();
