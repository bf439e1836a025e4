/**
 * An assembler of classic BPF (linux/bpf_common.h, filter.h), as far as a packet classifier needs it. Loads are big
 * endian and relative to the frame's first byte; one beyond the packet's end ends the program with 0, which for a tc
 * filter is: no match.
 */
export type Line =
  | { code: number; value: number | string; whenTrue?: string; whenFalse?: string }
  /** Where jumps lead to. */
  | { label: string };

const SIZES = { byte: 0x10, half: 0x08, word: 0x00 } as const;
type Size = keyof typeof SIZES;
const JUMP = 0x05;

/** SKF_AD_OFF + SKF_AD_VLAN_TAG and SKF_AD_VLAN_TAG_PRESENT: the tag that the kernel keeps beside the frame. */
export const VLAN_TAG = 0xffff_f000 + 44;
export const VLAN_TAG_PRESENT = 0xffff_f000 + 48;
/** The kernel takes no longer program (BPF_MAXINSNS); tc's buffer holds half of it (MAX_MSG). */
const LONGEST_PROGRAM = 2000;

export function load(size: Size, offset: number): Line {
  return { code: 0x20 | SIZES[size], value: offset };
}

/** Relative to X. */
export function loadAtX(size: Size, offset: number): Line {
  return { code: 0x40 | SIZES[size], value: offset };
}

/** X = 4 × the lower half of that byte: an IPv4 header's length. */
export function ipv4HeaderLengthToX(offset: number): Line {
  return { code: 0xb1, value: offset };
}

export function setX(value: number): Line {
  return { code: 0x01, value };
}

export function copyToX(): Line {
  return { code: 0x07, value: 0 };
}

export function copyFromX(): Line {
  return { code: 0x87, value: 0 };
}

/** To one of 16 cells. The kernel refuses a program that could read one before it is written. */
export function store(cell: number): Line {
  return { code: 0x02, value: cell };
}

export function recall(cell: number): Line {
  return { code: 0x60, value: cell };
}

export function set(value: number): Line {
  return { code: 0x00, value };
}

const OPERATIONS = { add: 0x04, and: 0x54, shiftLeft: 0x64, shiftRight: 0x74 } as const;

export function calculate(operation: keyof typeof OPERATIONS, value: number): Line {
  return { code: OPERATIONS[operation], value };
}

export function addX(): Line {
  return { code: 0x0c, value: 0 };
}

export function subtractX(): Line {
  return { code: 0x1c, value: 0 };
}

export function orX(): Line {
  return { code: 0x4c, value: 0 };
}

/** Goes on with the next line where no label is given. */
export function ifEqual(value: number, target: string): Line {
  return { code: JUMP | 0x10, value, whenTrue: target };
}

export function unlessEqual(value: number, target: string): Line {
  return { code: JUMP | 0x10, value, whenFalse: target };
}

export function ifAnyBit(bits: number, target: string): Line {
  return { code: JUMP | 0x40, value: bits, whenTrue: target };
}

export function ifAtLeast(value: number, target: string): Line {
  return { code: JUMP | 0x30, value, whenTrue: target };
}

export function unlessAtLeast(value: number, target: string): Line {
  return { code: JUMP | 0x30, value, whenFalse: target };
}

export function goto(label: string): Line {
  return { code: JUMP, value: label };
}

/** Ends the program. */
export function answer(value: number): Line {
  return { code: 0x06, value };
}

export function label(name: string): Line {
  return { label: name };
}

/**
 * The program as tc reads and prints it: `COUNT,CODE TRUE FALSE VALUE,…`. A conditional jump reaches 255 instructions
 * only: where its target is further, it leads to a plain jump put behind it.
 *
 * @throws RangeError if the program is longer than tc can send.
 */
export function assemble(lines: readonly Line[]): string {
  const near = relax(lines);
  const places = place(near);
  const at = (target: string, from: number): number => {
    if (target === '') return 0;
    const to = places.get(target);
    if (to === undefined || to <= from) throw new RangeError(`no label ${target} further down`);
    return to - from - 1;
  };
  const instructions = near.filter((line) => 'code' in line);
  if (instructions.length > LONGEST_PROGRAM) {
    throw new RangeError(`a classifier of ${instructions.length} instructions is longer than tc can send`);
  }
  const shown = instructions.map(({ code, value, whenTrue = '', whenFalse = '' }, index) => {
    const operand = typeof value === 'string' ? at(value, index) : value;
    return `${code} ${at(whenTrue, index)} ${at(whenFalse, index)} ${operand}`;
  });
  return [instructions.length, ...shown].join(',');
}

function place(lines: readonly Line[]): Map<string, number> {
  const places = new Map<string, number>();
  let index = 0;
  for (const line of lines) {
    if (!('label' in line)) index += 1;
    else if (places.has(line.label)) throw new RangeError(`two labels ${line.label}`);
    else places.set(line.label, index);
  }
  return places;
}

const REACH = 255;

/** Again and again, for each jump put in moves what follows it. */
function relax(lines: readonly Line[]): readonly Line[] {
  const places = place(lines);
  let index = -1;
  let changed = false;
  const next = lines.flatMap((line, at): Line[] => {
    if ('label' in line) return [line];
    index += 1;
    const { whenTrue = '', whenFalse = '' } = line;
    const far = (target: string) => target !== '' && (places.get(target) ?? 0) - index - 1 > REACH;
    if (!far(whenTrue) && !far(whenFalse)) return [line];
    changed = true;
    const [yes, no, on] = ['yes', 'no', 'on'].map((each) => `${each} ${at} ${lines.length}`) as [
      string,
      string,
      string,
    ];
    return [
      { ...line, whenTrue: far(whenTrue) ? yes : whenTrue || on, whenFalse: far(whenFalse) ? no : whenFalse || on },
      ...(far(whenTrue) ? [label(yes), goto(whenTrue)] : []),
      ...(far(whenFalse) ? [label(no), goto(whenFalse)] : []),
      label(on),
    ];
  });
  return changed ? relax(next) : lines;
}
