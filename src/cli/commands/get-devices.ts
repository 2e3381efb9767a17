import type { Command } from 'commander';
import { compareAddresses } from '../../api/address.ts';
import { type ObservedDevice, placeText } from '../../plan/observed.ts';
import { type Context, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { chosen, deviceAt } from '../find.ts';
import { directOption, readLook } from '../looks/read-look.ts';
import type { Survey } from '../looks/survey.ts';
import { Screen } from '../terminal/screen.ts';
import { type CellInput, tone } from '../terminal/table.ts';
import { guardsOf } from '../views/guards-of.ts';
import { deviceObject } from '../views/objects.ts';
import { type NamedFormat, namedFormatOption, printObjects } from '../views/output.ts';
import { showProblemsHint } from '../views/problems.ts';
import { deviceReadiness, isOrphaned, readyCell } from '../views/readiness.ts';

/** `xenpci get devices`. */
export function getDevicesCommand({ shell, end }: Context): Command {
  return newCommand('devices', 'List PCI functions: place, driver, assignment', [
    ['All functions of the host, with their names', 'xenpci get devices -o wide'],
    ['One function as an object of kind PCIDevice', 'xenpci get devices 0000:03:00.0 -o yaml'],
  ])
    .alias('device')
    .argument('[address...]', 'which ones, such as 0000:03:00.0; all when none is given')
    .addOption(namedFormatOption())
    .addOption(directOption())
    .action(async (names: string[], { output }: { output: NamedFormat }, command: Command) => {
      const look = await readLook(command, shell);
      const devices = chosen(names, look.observed.devices.values(), name => deviceAt(look, name));
      devices.sort((a, b) => compareAddresses(a.address, b.address));
      if (output === 'json' || output === 'yaml') {
        const objects = devices.map(device => deviceObject(look, device));
        printObjects(shell.stdout, output, { objects, kind: 'PCIDevice', single: names.length === 1 });
      } else if (output === 'name') {
        const screen = new Screen(shell.stdout, shell);
        for (const { address } of devices) screen.line(`device/${address}`);
      } else {
        showTable(new Screen(shell.stdout, shell), look, devices, output === 'wide');
      }
      showProblemsHint(new Screen(shell.stderr, shell), look);
      end(ExitCode.ok);
    });
}

function showTable(screen: Screen, look: Survey, devices: readonly ObservedDevice[], wide: boolean): void {
  const headers = ['ADDRESS', 'PLACE', 'DRIVER', 'ASSIGNMENT', 'READY', 'REASON'];
  const rows = devices.map(device => {
    const { text, resetMethods } = device;
    const row = tableRow(look, device);
    const guards = guardsOf(look, device).filter(({ off }) => !off);
    const names = [...new Set(guards.map(({ reason }) => reason))].join(',');
    return wide ? [...row, names, text.class, text.vendor, text.device, resetMethods.join(',')] : row;
  });
  screen.table(wide ? [...headers, 'GUARDS', 'CLASS', 'VENDOR', 'DEVICE', 'RESET'] : headers, rows, { wide });
}

function tableRow(look: Survey, device: ObservedDevice): CellInput[] {
  const { address, present, place, driver, divergence } = device;
  const readiness = deviceReadiness(look, address);
  const reason = isOrphaned(look, device) ? 'Orphan' : readiness?.reason;
  return [
    address,
    present ? placeText(place) : tone('vanished', 'bad'),
    driver,
    look.status.devices.find(found => found.address === address)?.assignment,
    readyCell(readiness?.ready),
    divergence === undefined ? reason : tone('Diverged', 'bad'),
  ];
}
