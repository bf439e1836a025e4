import type { Link } from '../instance.ts';
import type { NetworkView } from './schema.ts';

/** The links of a file's network, and the way between two nodes. */
export interface Network {
  links: Link[];
  /** Indices into `links`, in order; null: there is no way. */
  path(from: number, to: number): number[] | null;
}

/** One end of an edge: what is at the other end, and the links there and back. */
interface Port {
  at: number;
  out: number;
  back: number;
}

/** Full-duplex links: each is two, up to the switch and down from it. A switch that can block is a link of its own. */
export function networkOf({ switches, links: edges }: NetworkView): Network {
  const links: Link[] = [];
  const add = (name: string, mbit: number) =>
    links.push({ name, capacity: mbit === -1 ? Number.POSITIVE_INFINITY : mbit }) - 1;
  const fabric = new Map(switches.map(({ id, capacity }) => [id, add(`switch ${id}`, capacity)]));
  const nodePorts = new Map<number, Port[]>();
  const switchPorts = new Map<number, Port[]>();
  const plug = (ports: Map<number, Port[]>, id: number, port: Port) => ports.set(id, [...(ports.get(id) ?? []), port]);
  for (const { physicalElement, switch: above, capacity } of edges) {
    const { id, type } = physicalElement;
    const up = add(`${type} ${id} up`, capacity);
    const down = add(`${type} ${id} down`, capacity);
    plug(type === 'node' ? nodePorts : switchPorts, id, { at: above, out: up, back: down });
    if (type === 'switch') plug(switchPorts, above, { at: id, out: down, back: up });
  }
  const known = new Map<string, number[] | null>();
  return { links, path };

  /** The fewest hops, as BtrPlace's default routing has it; in a tree there is one way only. */
  function path(from: number, to: number): number[] | null {
    let best: number[] | null = null;
    for (const source of nodePorts.get(from) ?? []) {
      for (const destination of nodePorts.get(to) ?? []) {
        const between = betweenSwitches(source.at, destination.at);
        if (!between || (best && best.length <= between.length + 2)) continue;
        best = [source.out, ...between, destination.back];
      }
    }
    return best;
  }

  function betweenSwitches(from: number, to: number): number[] | null {
    const key = `${from} ${to}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const way = search(from, to);
    known.set(key, way);
    return way;
  }

  function search(from: number, to: number): number[] | null {
    const cameBy = new Map<number, { before: number; link: number } | null>([[from, null]]);
    const queue = [from];
    for (const here of queue) {
      for (const { at, out } of switchPorts.get(here) ?? []) {
        if (cameBy.has(at)) continue;
        cameBy.set(at, { before: here, link: out });
        queue.push(at);
      }
    }
    if (!cameBy.has(to)) return null;
    const way: number[] = [];
    for (let here = to; ; ) {
      const inner = fabric.get(here);
      if (inner !== undefined) way.unshift(inner);
      const step = cameBy.get(here);
      if (!step) return way;
      way.unshift(step.link);
      here = step.before;
    }
  }
}

/** A full-duplex NIC for each node and nothing between them that blocks. */
export function flatNetwork(nics: ReadonlyMap<number, number>): Network {
  const links: Link[] = [];
  const place = new Map<number, { up: number; down: number }>();
  for (const [node, capacity] of nics) {
    const up = links.push({ name: `node ${node} up`, capacity }) - 1;
    place.set(node, { up, down: links.push({ name: `node ${node} down`, capacity }) - 1 });
  }
  return {
    links,
    path: (from, to) => {
      const [source, destination] = [place.get(from), place.get(to)];
      return source && destination ? [source.up, destination.down] : null;
    },
  };
}
