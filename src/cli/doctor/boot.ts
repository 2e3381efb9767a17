import type { Answer } from '../../host/index.ts';
import type { BootHide } from '../boot-hide/boot-settings.ts';
import { type Check, notChecked } from './check.ts';

const NAME = 'boot-hide';
/** How many devices a line names. */
const NAMED_MAX = 2;

/**
 * Judges whether the next boot keeps dom0's drivers from the assigned devices. Pure.
 * @param conf the file of modprobe's that says so.
 */
export function bootHideCheck(answer: Answer<BootHide>, conf: string): Check {
  if ('unknown' in answer) return notChecked(NAME, answer);
  const { hide, settings, same } = answer.found;
  const rejected = settings.find(setting => setting.rejected);
  if (rejected !== undefined) {
    const message = `the kernel rejects what ${rejected.source} says, and pciback does not load`;
    return { name: NAME, result: 'failure', message, mend: { commands: ['xenpci boot-hide'] } };
  }
  if (same) {
    const message = hide.length === 0 ? 'there is nothing to hide' : `${counted(hide)} hidden from dom0's drivers`;
    return { name: NAME, result: 'ok', message };
  }
  // What the module was told when it was loaded stays as it is until it is loaded anew.
  const lasting = settings.filter(({ where }) => where !== 'module');
  if (lasting.length > 0 && lasting.every(setting => setting.same)) {
    const message = 'the next boot hides what it should; the loaded module was told otherwise';
    return { name: NAME, result: 'warning', message, mend: { words: 'restart dom0 when it suits' } };
  }
  const byHand = lasting.some(({ where, same: isSame }) => where === 'cmdline' && !isSame);
  const commands = byHand ? ['xenpci boot-hide'] : [`xenpci boot-hide -o modprobe >${conf}`, 'update-initramfs -u'];
  return { name: NAME, result: 'warning', message: difference(answer.found), mend: { commands } };
}

function difference({ hide, settings }: BootHide): string {
  const missing = settings.length === 0 ? hide : hide.filter(at => settings.some(each => each.missing.includes(at)));
  const surplus = [...new Set(settings.flatMap(each => each.surplus))];
  const parts = [
    ...(missing.length === 0 ? [] : [`at boot dom0's drivers take first what is assigned: ${listed(missing)}`]),
    ...(surplus.length === 0 ? [] : [`hidden at boot is what no assignment wants: ${listed(surplus)}`]),
  ];
  return parts.length === 0 ? 'nothing says what is to be hidden at boot' : parts.join('; ');
}

function listed(devices: readonly string[]): string {
  const rest = devices.length - NAMED_MAX;
  return devices.slice(0, NAMED_MAX).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function counted(devices: readonly string[]): string {
  return devices.length === 1 ? '1 device' : `${devices.length} devices`;
}
