import type { Command, Option } from 'commander';
import { EXIT_CODES_HELP } from '../cli/exit.ts';
import { bold, italic, type ManPage, paragraph, roff, section, tagged } from './roff.ts';

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['XENPCI_ROOT', "The folder that holds dom0's file system, as --root has it."],
  ['NO_COLOR', 'No colour, whatever the value (no-color.org).'],
  ['NOTIFY_SOCKET', 'Set by systemd: xenpci run then tells it that it is ready, alive and how the assignments stand.'],
];

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/xenpci/manifests', 'The manifests: *.yaml, *.yml and *.json, searched recursively; see xenpci.yaml(5).'],
  ['/etc/libvirt/hooks/libxl.d/xenpci', 'What libvirt calls before it starts a domain.'],
  ['/var/lib/xenpci', 'What is held, and the last good content of each manifest. Without it nothing is taken back.'],
  ['/run/xenpci', 'The status of a running controller, locks, and the marks of domains that are starting.'],
  ['/usr/share/xenpci', 'Samples and the JSON Schema of manifests.'],
];

/** xenpci(1): every command with its options as the program itself has them, in a small frame written by hand. */
export function programPage(program: Command, version: string): ManPage {
  const text = [
    section('NAME'),
    'xenpci \\- keeps PCI devices of a Xen dom0 where YAML files say they belong\n',
    section('SYNOPSIS'),
    `${bold('xenpci')} [${italic('options')}] ${italic('command')} [${italic('argument')}...]\n`,
    section('DESCRIPTION'),
    paragraph(
      'It compares the manifests with what xenstore, libvirt and sysfs show, binds devices to pciback, attaches them to',
      'running guests and detaches them, prepares guests that are shut off, and corrects what others change. When it is',
      'not sure, it touches nothing and says why.',
    ),
    section('OPTIONS'),
    ...optionsOf(program),
    section('COMMANDS'),
    ...commandsBelow(program, []),
    section('EXIT STATUS'),
    `.nf\n${roff(EXIT_CODES_HELP.replace(/^\s*Exit codes:\n/, ''))}\n.fi\n`,
    section('ENVIRONMENT'),
    ...ENVIRONMENT.map(([name, meaning]) => tagged(bold(roff(name)), roff(meaning))),
    section('FILES'),
    ...FILES.map(([name, meaning]) => tagged(italic(roff(name)), roff(meaning))),
    section('SEE ALSO'),
    '.BR xenpci.yaml (5),\n.BR xl (1),\n.BR virsh (1),\n.BR systemctl (1)\n',
  ];
  return { name: 'xenpci', section: 1, text: `.TH XENPCI 1 "" "xenpci ${version}"\n${text.join('')}` };
}

function commandsBelow(command: Command, path: readonly string[]): string[] {
  const below = command.createHelp().visibleCommands(command);
  return below.flatMap(each => {
    const here = [...path, each.name()];
    if (each.commands.length > 0) return commandsBelow(each, here);
    return [`.SS ${roff([...here, ...each.registeredArguments.map(argumentText)].join(' '))}\n`, ...commandText(each)];
  });
}

function argumentText(argument: Command['registeredArguments'][number]): string {
  const text = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${text}>` : `[${text}]`;
}

function commandText(command: Command): string[] {
  const described = command.registeredArguments.filter(({ description }) => description !== '');
  return [
    paragraph(`${command.description()}.`),
    ...described.map(argument => tagged(italic(roff(argument.name())), roff(argument.description))),
    ...optionsOf(command),
  ];
}

function optionsOf(command: Command): string[] {
  const options = command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help');
  return options.map(option => tagged(bold(roff(option.flags)), roff(meaningOf(option))));
}

function meaningOf({ description, argChoices, defaultValue }: Option): string {
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(defaultValue === undefined || defaultValue === false ? [] : [`default: ${String(defaultValue)}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}
