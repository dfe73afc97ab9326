/** Which names Windows can give to a file or directory (Microsoft, "Naming Files, Paths, and Namespaces"). */

/** Also with any extension, and in any case. The superscript digits count as the digits they look like. */
const DEVICE = /^(?:con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])(?: *\..*)?$|^con(?:in|out)\$$/i;
const ILLEGAL = /[\u0000-\u001f<>:"/\\|?*]/;

/** Why Windows cannot have a file of this name, as the end of a sentence; undefined when it can. */
export function windowsNameProblem(name: string): string | undefined {
  const illegal = ILLEGAL.exec(name);
  if (illegal !== null) return `contains ${JSON.stringify(illegal[0])}`;
  if (/[. ]$/.test(name)) return 'ends in a dot or a space';
  if (DEVICE.test(name)) return 'is the name of a device';
  return undefined;
}
