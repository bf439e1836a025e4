/** What the kernel keeps beside a frame. */
export interface Beside {
  /** VLAN id of a tag that was taken out of the frame. */
  tag?: number;
}

/** Runs a classic BPF program on a frame as the kernel would (Documentation/networking/filter.rst); for tests. */
export function runBpf(program: string, frame: Buffer, { tag }: Beside = {}): number {
  const code = program
    .split(',')
    .slice(1)
    .map((each) => each.split(' ').map(Number) as [number, number, number, number]);
  const cells = new Map<number, number>();
  let a = 0;
  let x = 0;
  const read = (size: number, at: number): number | null => {
    if (at === 0xffff_f000 + 44) return tag ?? 0;
    if (at === 0xffff_f000 + 48) return tag === undefined ? 0 : 1;
    const bytes = size === 0x10 ? 1 : size === 0x08 ? 2 : 4;
    return at + bytes > frame.length ? null : frame.readUIntBE(at, bytes);
  };
  const cell = (at: number) => {
    const value = cells.get(at);
    if (value === undefined) throw new Error(`cell ${at} is read before it is written`);
    return value;
  };
  for (let at = 0; ; at += 1) {
    const [op, yes, no, k] = code[at] ?? [-1, 0, 0, 0];
    const jump = (holds: boolean) => {
      at += holds ? yes : no;
    };
    const loaded = [0x20, 0x28, 0x30].includes(op) ? read(op & 0x18, k) : null;
    const atX = [0x40, 0x48, 0x50].includes(op) ? read(op & 0x18, x + k) : null;
    if ([0x20, 0x28, 0x30, 0x40, 0x48, 0x50].includes(op)) {
      const value = loaded ?? atX;
      if (value === null) return 0;
      a = value;
    } else if (op === 0xb1) {
      const byte = read(0x10, k);
      if (byte === null) return 0;
      x = (byte & 0xf) * 4;
    } else if (op === 0x00) a = k;
    else if (op === 0x01) x = k;
    else if (op === 0x02) cells.set(k, a);
    else if (op === 0x60) a = cell(k);
    else if (op === 0x07) x = a;
    else if (op === 0x87) a = x;
    else if (op === 0x04) a = (a + k) >>> 0;
    else if (op === 0x0c) a = (a + x) >>> 0;
    else if (op === 0x1c) a = (a - x) >>> 0;
    else if (op === 0x4c) a = (a | x) >>> 0;
    else if (op === 0x54) a = (a & k) >>> 0;
    else if (op === 0x64) a = (a << k) >>> 0;
    else if (op === 0x74) a >>>= k;
    else if (op === 0x05) at += k;
    else if (op === 0x15) jump(a === k);
    else if (op === 0x35) jump(a >= k);
    else if (op === 0x45) jump((a & k) !== 0);
    else if (op === 0x06) return k;
    else throw new Error(`instruction ${at} (${op}) is not known`);
  }
}
