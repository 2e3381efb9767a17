import type { Address } from '../../api/address.ts';

/** How a libxl call ended, with the lines it logged; `xl` prints them to standard error. */
export interface Outcome {
  readonly ok: boolean;
  readonly log: readonly string[];
}

/** It did what it was asked. */
export const done = (...log: string[]): Outcome => ({ ok: true, log });
/** It did not. */
export const failed = (...log: string[]): Outcome => ({ ok: false, log });

/** A line of its log. The line numbers are those of Xen 4.17; they differ with every release, and nothing may depend on them. */
export function logLine(level: 'error' | 'warning' | 'info', place: string, text: string): string {
  return `libxl: ${level}: libxl_pci.c:${place}: ${text}`;
}

/** The folder of libxl's own notes on a device. */
export function notesPath(address: Address): string {
  return `/libxl/pci/${address.replaceAll(/[:.]/g, '-')}`;
}
