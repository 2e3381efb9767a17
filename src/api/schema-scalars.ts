import * as z from 'zod';
import { type Address, parseAddress } from './address.ts';
import { HOST_PATTERN } from './hosts.ts';
import type { DomainSelector, Metadata } from './manifest.ts';
import { type PciPath, parsePath } from './path.ts';

/**
 * A string that `parse` turns into a value. The pattern goes into the JSON Schema only: the parser decides here.
 * @param complaint says what is wrong with a text that `parse` does not take.
 */
function parsed<T>(pattern: string, parse: (text: string) => T | undefined, complaint: (text: string) => string) {
  return z
    .string()
    .meta({ pattern })
    .transform((text, context) => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.issues.push({ code: 'custom', message: complaint(text), input: text });
      return z.NEVER;
    });
}

/** Takes a text that matches the pattern of its JSON Schema as it is. */
function matching(pattern: string, complaint: (text: string) => string) {
  const expression = new RegExp(pattern);
  return parsed(pattern, text => (expression.test(text) ? text : undefined), complaint);
}

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';

/** A name for objects: a DNS-1123 subdomain, as in Kubernetes, at most 253 characters. */
export const objectName: z.ZodType<string> = matching(
  `^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`,
  text =>
    `${shown(text)} is not a name; use lower case letters, digits, "-" and ".", with a letter or digit first and last, at most 253`,
).describe('Name of the object, unique among its kind: lower case letters, digits, "-" and ".".');

/** A name for an entry of `devices`: a DNS-1123 label, at most 63 characters, because libvirt's alias carries it. */
export const entryName: z.ZodType<string> = matching(
  `^(?=.{1,63}$)${LABEL}$`,
  text =>
    `${shown(text)} is not a name; use lower case letters, digits and "-", with a letter or digit first and last, at most 63`,
).describe('Name of the entry, unique in the assignment: lower case letters, digits and "-".');

/** `0000:03:00.0`, or `03:00.0` for segment 0. */
export const address: z.ZodType<Address> = parsed(
  '^(?:[0-9A-Fa-f]{4,8}:)?[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\\.[0-7]$',
  parseAddress,
  text => `${shown(text)} is not a PCI address; write segment:bus:device.function in hex, such as 0000:03:00.0`,
).describe('PCI address of the function, segment:bus:device.function in hex, such as 0000:03:00.0.');

const PATH_ELEMENT = '[0-9A-Fa-f]{2}_[01][0-9A-Fa-f]\\.[0-7]';

/** `00_1c.0/00_00.0`: root port, then device. */
export const path: z.ZodType<PciPath> = parsed(
  `^(?:[0-9A-Fa-f]{4,8}_)?${PATH_ELEMENT}(?:/${PATH_ELEMENT}){0,31}$`,
  parsePath,
  text => `${shown(text)} is not a PCI path; write root port, then device, such as 00_1c.0/00_00.0`,
).describe('Bridge path of the function, such as 00_1c.0/00_00.0; it stays the same when bus numbers move.');

/**
 * Four hex digits, as lspci -n shows them.
 * @param what names the number in the description.
 */
export function hexDigits(what: string): z.ZodType<string> {
  return parsed(
    '^[0-9A-Fa-f]{4}$',
    text => (/^[0-9a-f]{4}$/i.test(text) ? text.toLowerCase() : undefined),
    text => {
      const bare = /^0x([0-9a-f]{4})$/i.exec(text)?.[1];
      const advice = bare === undefined ? 'such as "8086"' : `without 0x: "${bare}"`;
      return `${shown(text)} is not a number of four hex digits; write it in quotes, ${advice}`;
    },
  ).describe(`${what}: four hex digits in quotes, because YAML reads an unquoted 8086 or 0200 as a number.`);
}

const HOSTS_MAX = 256;

/** A host's name, full or short, a glob of them, or a machine id. */
const hostPattern = parsed(
  HOST_PATTERN,
  text => (new RegExp(HOST_PATTERN).test(text) ? text.toLowerCase() : undefined),
  text =>
    `${shown(text)} is neither a host name, full or short, nor a pattern with "*" and "?", nor what /etc/machine-id holds`,
).describe('Host name, full or short, in which "*" and "?" are wildcards; or the content of /etc/machine-id.');

/** The hosts that an object is for. */
export const hosts: z.ZodType<readonly string[]> = z
  .array(hostPattern)
  .min(1, 'names no host; remove it if the object is for every host')
  .max(HOSTS_MAX, `has more than ${HOSTS_MAX} entries`)
  .describe('The hosts that the object is for; on others it does not count. Every host when absent.');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DOM0_NAMES: readonly string[] = ['Domain-0', 'dom0'];
const DOM0_UUID = '00000000-0000-0000-0000-000000000000';
const DOM0_REFUSAL = 'is dom0 itself, which cannot be given devices; a device in no assignment stays with it';

const domainName = z
  .string()
  .meta({ pattern: '^[^\\u0000-\\u001f\\u007f/]{1,255}$' })
  .transform((text, context): DomainSelector => {
    const refuse = (message: string): never => {
      context.issues.push({ code: 'custom', message, input: text });
      return z.NEVER;
    };
    if (DOM0_NAMES.includes(text)) return refuse(`${shown(text)} ${DOM0_REFUSAL}`);
    if (/^[^\p{C}/]{1,255}$/u.test(text) && text.trim() === text) return { name: text };
    return refuse(`${shown(text)} is not a domain's name; it has 1 to 255 visible characters and no "/"`);
  })
  .describe('Name of the domain, as virsh list --all shows it.');

const domainUuid = z.strictObject({
  uuid: parsed(
    '^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$',
    text => (UUID.test(text) && text !== DOM0_UUID ? text.toLowerCase() : undefined),
    text =>
      text === DOM0_UUID ? `this UUID ${DOM0_REFUSAL}` : `${shown(text)} is not a UUID; virsh domuuid NAME shows it`,
  ).describe('UUID of the domain; it stays the same when the domain is renamed.'),
});

/** A domain's name, or `{uuid: ...}`. */
export const domain: z.ZodType<DomainSelector> = z
  .union([domainName, domainUuid], { error: `must be a domain's name or {uuid: ...}` })
  .describe('The libvirt domain that gets the devices: its name, or {uuid: ...}.');

const LABEL_VALUE = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const labelKey = matching(
  `^(?=.{1,317}$)(?:${LABEL}(?:\\.${LABEL})*/)?${LABEL_VALUE}$`,
  text => `${shown(text)} is not a label's name; write such as role or example.org/role`,
);
const labelValue = matching(
  `^(?:${LABEL_VALUE})?$`,
  text => `${shown(text)} is not a label's value; use at most 63 letters, digits, "-", "_" and "."`,
);
const ANNOTATION_MAX = 16_384;

/** Name, labels and annotations, with the limits that Kubernetes has for names. */
export const metadata: z.ZodType<Metadata> = z
  .strictObject({
    name: objectName,
    labels: z
      .record(labelKey, labelValue)
      .describe('Words to select objects by, as in Kubernetes; they change nothing on the host.')
      .exactOptional(),
    annotations: z
      .record(labelKey, z.string().max(ANNOTATION_MAX, `an annotation has at most ${ANNOTATION_MAX} characters`))
      .describe('Notes for people and programs, as in Kubernetes; they change nothing on the host.')
      .exactOptional(),
  })
  .describe('Name and labels of the object.');

/** A value in a message: quoted, cut to a length that fits a line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
