import { type Command, Option } from 'commander';
import { API_VERSION } from '../../api/manifest.ts';
import { printableJson } from '../../daemon/printable-json.ts';
import type { Comparison } from '../boot-hide/boot-hide.ts';
import { type BootHide, bootHide } from '../boot-hide/boot-settings.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { LOOKING, survey } from '../looks/survey.ts';
import type { Output } from '../terminal/output.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import { showProblemsHint } from '../views/problems.ts';

type Format = 'text' | 'parameter' | 'modprobe' | 'json';

/** `xenpci boot-hide`. */
export function bootHideCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['What to write where, and what differs now', 'xenpci boot-hide'],
    ['Write it', 'xenpci boot-hide -o modprobe >/etc/modprobe.d/xenpci.conf\n  update-initramfs -u'],
    ['Is it up to date? In a script', 'xenpci boot-hide >/dev/null || echo "differs: exit code $?"'],
  ])
    .addOption(
      new Option('-o, --output <format>', 'all, the kernel parameter alone, a file for modprobe.d, or JSON')
        .choices(['text', 'parameter', 'modprobe', 'json'])
        .default('text'),
    )
    .addHelpText('after', '\nExit codes: 0 the running kernel was told the same, 1 it differs, 2 error.')
    .action(async ({ output }: { output: Format }) => {
      const globals = globalsOf(command, shell);
      const look = await showing(shell, LOOKING, () => survey(globals));
      const found = await bootHide(look);
      show(shell.stdout, new Screen(shell.stdout, shell), found, output);
      if (look.source.problems.length > 0) {
        showProblemsHint(new Screen(shell.stderr, shell), look);
        return end(ExitCode.error);
      }
      end(found.same ? ExitCode.ok : ExitCode.different);
    });
}

function show(output: Output, screen: Screen, found: BootHide, format: Format): void {
  switch (format) {
    case 'json':
      output.write(
        printableJson(`${JSON.stringify({ apiVersion: API_VERSION, kind: 'BootHide', ...found }, null, 2)}\n`),
      );
      break;
    case 'parameter':
      screen.whole(`xen-pciback.hide=${found.text}`);
      break;
    case 'modprobe':
      for (const line of modprobeLines(found)) screen.whole(line);
      break;
    case 'text':
      showText(screen, found);
  }
}

/** With nothing to hide there is no option: an empty one would be passed on. */
function modprobeLines({ hide, text, drivers }: BootHide): string[] {
  if (hide.length === 0) return ['# No device is to be hidden.'];
  return [`options xen-pciback hide=${text}`, ...drivers.map(driver => `softdep ${driver} pre: xen-pciback`)];
}

function showText(screen: Screen, found: BootHide): void {
  const { hide, leftOut, settings, same } = found;
  screen.line('# /etc/modprobe.d/xenpci.conf: pciback comes before the drivers of dom0');
  for (const line of modprobeLines(found)) screen.whole(line);
  if (hide.length > 0) {
    screen.line();
    screen.line('# Debian: /etc/initramfs-tools/modules, then update-initramfs -u');
    screen.line('xen-pciback');
    screen.line();
    screen.line('# dracut: /etc/dracut.conf.d/xenpci.conf, then dracut -f');
    screen.line('force_drivers+=" xen-pciback "');
    screen.line();
    screen.line('# or, for a kernel with xen-pciback built in: its command line');
    screen.whole(`xen-pciback.hide=${found.text}`);
  }
  screen.line();
  for (const { address, reason, message } of leftOut) screen.line(`# not ${address}: ${reason}: ${message}`);
  for (const setting of settings)
    screen.line(`# ${setting.source}: ${difference(setting)}`, setting.same ? 'plain' : 'bad');
  if (settings.length === 0) screen.line('# neither the kernel nor modprobe is told to hide anything');
  screen.line(same ? '# The running kernel was told the same.' : '# It differs from what the running kernel was told.');
}

function difference({ same, rejected, text, missing, surplus }: Comparison): string {
  if (rejected) return `the kernel rejects "${text}", and pciback does not load`;
  if (same) return 'the same';
  const parts = [
    ...(missing.length === 0 ? [] : [`lacks ${missing.join(' ')}`]),
    ...(surplus.length === 0 ? [] : [`hides ${surplus.join(' ')}, which no assignment wants hidden`]),
  ];
  return parts.join('; ');
}
