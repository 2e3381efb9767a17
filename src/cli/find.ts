import { type Address, parseAddress } from '../api/address.ts';
import { closest } from '../api/spelling.ts';
import type { AssignmentStatus } from '../controller/status-types.ts';
import type { ObservedDevice } from '../plan/observed.ts';
import { CliError } from './exit.ts';
import type { Survey } from './looks/survey.ts';
import { bareName } from './object-names.ts';

/** Reads an address that a person wrote. @throws {CliError} when it is none. */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new CliError(`"${text}" is not a PCI address, such as 0000:03:00.0`);
  return address;
}

/** The device at that address. @throws {CliError} when there is none. */
export function deviceAt({ observed }: Survey, text: string): ObservedDevice {
  const name = bareName(text);
  const found = observed.devices.get(addressOf(name));
  if (found === undefined) throw new CliError(`there is no device ${name} on this host; xenpci get devices lists all`);
  return found;
}

/** The assignment of that name. @throws {CliError} when there is none. */
export function assignmentNamed({ status, globals }: Survey, text: string): AssignmentStatus {
  const name = bareName(text);
  const found = status.assignments.find(assignment => assignment.name === name);
  if (found !== undefined) return found;
  const known = status.assignments.map(assignment => assignment.name);
  throw new CliError(noAssignmentText(name, known, globals.manifests));
}

/** What is told of a name that no assignment has. @param folder where they are written. */
export function noAssignmentText(name: string, known: readonly string[], folder: string): string {
  const near = closest(name, known);
  const next = near === undefined ? 'xenpci get assignments lists all' : `did you mean ${near}?`;
  return `there is no assignment "${name}" in ${folder}; ${next}`;
}

/** Those that are named, each once; all when none is named. */
export function chosen<T>(names: readonly string[], all: Iterable<T>, find: (name: string) => T): T[] {
  return names.length === 0 ? [...all] : [...new Set(names.map(find))];
}
