import { HostError } from '../../controller/ports.ts';
import { HIDE_LENGTH_MAX, hideText, moduleOf, PCIBACK, readHideSettings } from '../../host/index.ts';
import { CliError } from '../exit.ts';
import type { Survey } from '../looks/survey.ts';
import { type Comparison, compareSetting, type HideList, hideList, isSame } from './boot-hide.ts';

/** All that is said about the next boot. */
export interface BootHide extends HideList {
  /** The value of `hide`. */
  readonly text: string;
  /** The modules of the dom0 drivers that would take these devices first. */
  readonly drivers: readonly string[];
  readonly settings: readonly Comparison[];
  readonly same: boolean;
}

/**
 * Compares what the manifests imply for the next boot with what the kernel and modprobe are told.
 * @throws {CliError} when that cannot be read, or when there are more devices than pciback takes.
 */
export async function bootHide(look: Survey): Promise<BootHide> {
  try {
    return await compareAll(look);
  } catch (cause) {
    if (cause instanceof HostError) throw new CliError(cause.message, { cause });
    throw cause;
  }
}

async function compareAll(look: Survey): Promise<BootHide> {
  const { layout } = look.globals;
  const list = hideList(look);
  const text = hideText(list.hide);
  if (text === undefined) {
    const message = `pciback takes ${HIDE_LENGTH_MAX} characters, which is too few for ${list.hide.length} devices`;
    throw new CliError(`${message}; set whenStopped: Host for some`);
  }
  const present = [...look.observed.devices.values()].filter(device => device.present);
  const names = present
    .filter(({ address }) => list.hide.includes(address))
    .map(({ address, driver, homeDriver }) => homeDriver ?? look.inventory.get(address)?.hostDriver?.name ?? driver)
    .filter(name => name !== undefined && name !== PCIBACK);
  const drivers = await Promise.all([...new Set(names)].map(name => moduleOf(layout, name ?? '')));
  const addresses = present.map(({ address }) => address);
  const settings = (await readHideSettings(layout)).map(setting => compareSetting(setting, list.hide, addresses));
  return { ...list, text, drivers: [...new Set(drivers)].sort(), settings, same: isSame(settings, list.hide) };
}
