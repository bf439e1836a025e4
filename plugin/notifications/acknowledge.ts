import type { Channel, ConsumeMessage } from 'amqplib';

/** Well below the prefetch, or the broker waits. */
const EVERY = 100;
const WITHIN_MS = 100;

/** Acknowledges what came with one frame for many, and what came last soon after. */
export function acknowledgement(channel: Channel): (message: ConsumeMessage) => void {
  let last: ConsumeMessage | null = null;
  let open = 0;
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  const flush = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    open = 0;
    if (last && !ended) channel.ack(last, true);
    last = null;
  };
  channel.on('close', () => {
    ended = true;
    if (timer) clearTimeout(timer);
  });
  return (message) => {
    last = message;
    open += 1;
    if (open >= EVERY) flush();
    else timer ??= setTimeout(flush, WITHIN_MS);
  };
}
