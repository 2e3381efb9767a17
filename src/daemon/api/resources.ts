import type { Look } from '../../controller/look.ts';

/** What the API shows of a look, in the shapes of `xenpci get -o json`. */
export interface Resources {
  readonly assignments: (look: Look) => readonly object[];
  /** @returns undefined when there is none of that name. */
  readonly assignment: (look: Look, name: string) => object | undefined;
  readonly devices: (look: Look) => readonly object[];
  /** @param address as a person writes it. */
  readonly device: (look: Look, address: string) => object | undefined;
  readonly domains: (look: Look) => readonly object[];
  readonly plan: (look: Look) => object;
}
