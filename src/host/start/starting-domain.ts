import type { StartingDomain } from '../../plan/start.ts';
import { readDefinition } from '../libvirt/definition.ts';
import { child, parseXml } from '../libvirt/xml.ts';

/**
 * Reads the definition that libvirt starts a domain with.
 * @throws {XmlError} when it is none.
 */
export function readStarting(xml: string): StartingDomain {
  const { type, hostdevs } = readDefinition(xml);
  const root = parseXml(xml, 'domain').documentElement;
  const text = (name: string): string => child(root, name)?.textContent?.trim() ?? '';
  return { name: text('name'), uuid: text('uuid').toLowerCase(), type, hostdevs };
}
