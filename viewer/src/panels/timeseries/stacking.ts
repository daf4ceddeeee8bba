// Stacking as Grafana does it: series of one group, scale, style and direction stand on each other.

export type Values = (number | null | undefined)[];

export interface StackInput {
  values: Values;
  mode: 'none' | 'normal' | 'percent';
  /** Name of the stacking group. */
  group: string;
  scale: string;
  /** Draw style with interpolation or alignment: only equal shapes stack. */
  shape: string;
  transform?: 'constant' | 'negative-Y';
  hidden: boolean;
}

export interface StackResult {
  /** One a series, as drawn. */
  drawn: Values[];
  /** Pairs of series between which the area is filled: the upper series, the lower one, and the direction of the fill. */
  bands: { upper: number; lower: number; direction: 1 | -1 }[];
}

interface Group {
  members: number[];
  /** 1 upwards, -1 downwards. */
  direction: 1 | -1;
  percent: boolean;
}

/**
 * A series without values stands on zero at instants where others of its group have some, and is absent elsewhere. Where none has a
 * value and one ends, the others end too, except those that only have no sample between two of their own.
 */
export function stackSeries(inputs: StackInput[], length: number): StackResult {
  const drawn = inputs.map((input) => transformed(input));
  const groups = stackingGroups(inputs, drawn);
  const bands: StackResult['bands'] = [];
  for (const group of groups) {
    const sums = new Array<number>(length).fill(0);
    const present = new Array<boolean>(length).fill(false);
    const ends = new Array<boolean>(length).fill(false);
    for (const member of group.members) {
      for (let index = 0; index < length; index++) {
        present[index] ||= isNumber(drawn[member]![index]);
        ends[index] ||= drawn[member]![index] === null;
      }
    }
    for (const member of group.members) {
      const values = drawn[member]!;
      const between = betweenOwnValues(values, length);
      drawn[member] = Array.from({ length }, (_, index) => {
        const value = values[index];
        if (!present[index]) {
          return ends[index] && !between[index] ? null : value;
        }
        sums[index]! += isNumber(value) ? value : 0;
        return sums[index];
      });
    }
    if (group.percent) {
      for (const member of group.members) {
        drawn[member] = drawn[member]!.map((value, index) => (isNumber(value) ? share(value, sums[index]!, group.direction) : value));
      }
    }
    for (let index = group.members.length - 1; index > 0; index--) {
      bands.push({ upper: group.members[index]!, lower: group.members[index - 1]!, direction: group.direction === 1 ? -1 : 1 });
    }
  }
  return { drawn, bands };
}

/** Where a series has a number before and a number after, without a gap (`null`) on the way. */
function betweenOwnValues(values: Values, length: number): boolean[] {
  const result = new Array<boolean>(length).fill(false);
  let last: number | undefined;
  for (let index = 0; index < length; index++) {
    if (isNumber(values[index])) {
      if (last !== undefined) {
        result.fill(true, last + 1, index);
      }
      last = index;
    } else if (values[index] === null) {
      last = undefined;
    }
  }
  return result;
}

function share(value: number, total: number, direction: 1 | -1): number {
  return total === 0 ? 0 : direction * (value / total);
}

function stackingGroups(inputs: StackInput[], drawn: Values[]): Group[] {
  const groups = new Map<string, Group>();
  inputs.forEach((input, index) => {
    if (input.mode === 'none' || input.hidden) {
      return;
    }
    const direction = directionOf(drawn[index]!);
    const key = JSON.stringify([direction, input.mode, input.group, input.scale, input.shape]);
    const group = groups.get(key) ?? { members: [], direction, percent: input.mode === 'percent' };
    group.members.push(index);
    groups.set(key, group);
  });
  return [...groups.values()];
}

/** The first value decides, after transforms. */
function directionOf(values: Values): 1 | -1 {
  const first = values.find(isNumber);
  return first !== undefined && first < 0 ? -1 : 1;
}

function transformed({ values, transform }: StackInput): Values {
  if (transform === 'negative-Y') {
    return values.map((value) => (isNumber(value) ? -value : value));
  }
  if (transform === 'constant') {
    const first = values.find(isNumber);
    return values.map(() => first);
  }
  return values;
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}
