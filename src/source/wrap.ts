import { columnsOf } from './terminal.ts';

/** How the commands begin that messages name for a person to paste. */
const COMMAND =
  /^[(`]?(?:xenpci (?:-|run|reconcile|plan|apply|try|validate|approve|suspend|resume|get|describe|explain|wait|events|hook|export|boot-hide|report|ui|doctor|completion|version)|xl [a-z]|virsh [a-z]|lspci -|systemctl [a-z]|journalctl -|apt [a-z]|modprobe [a-z]|chmod [\w-]|chown [\w-]|install -|rm |sudo |update-(?:initramfs|grub)\b)/;
/** A command's last word: punctuation follows it, or it stands for what a person puts there. */
const COMMAND_END = /[;,.:)`]$|\b[A-Z]{3,}$/;

/**
 * A text in lines of at most `width` columns, broken between words. A command, up to the next punctuation or placeholder, is not broken
 * where a line has room for it: people paste it whole, and half of one may do harm. What has to stay whole even where
 * there is no room is not given to this. A word that is longer than a line has one of its own.
 * @param hang what every line but the first begins with.
 */
export function wrapped(text: string, width: number, hang = ''): string[] {
  if (columnsOf(text) <= width) return [text];
  const [indent = ''] = /^ */.exec(text) ?? [];
  const lines: string[] = [];
  let line: string | undefined;
  for (const piece of pieces(text.slice(indent.length), width - hang.length)) {
    const start = lines.length === 0 ? indent : hang;
    const longer: string = line === undefined ? `${start}${piece}` : `${line} ${piece}`;
    if (line === undefined || columnsOf(longer) <= width) line = longer;
    else {
      lines.push(line.trimEnd());
      line = piece === '' ? undefined : `${hang}${piece}`;
    }
  }
  return line === undefined ? lines : [...lines, line];
}

/** Words, and commands of several words that are not too long. */
function* pieces(text: string, columnsMax: number): Generator<string> {
  let rest = text;
  while (rest !== '') {
    const command = COMMAND.test(rest) ? commandLength(rest) : 0;
    const hasRoom = command > 0 && columnsOf(rest.slice(0, command)) <= columnsMax;
    const length = hasRoom ? command : wordLength(rest, 0);
    yield rest.slice(0, length);
    rest = rest.slice(length + 1);
  }
}

function commandLength(text: string): number {
  let end = wordLength(text, 0);
  while (end < text.length && !COMMAND_END.test(text.slice(0, end))) end = wordLength(text, end + 1);
  return end;
}

/** Where the word that begins at `from` ends. */
function wordLength(text: string, from: number): number {
  const end = text.indexOf(' ', from);
  return end === -1 ? text.length : end;
}
