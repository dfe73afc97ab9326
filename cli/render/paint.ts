/** Colour that can be switched off as a whole, so that rendering stays a function of its inputs. */
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Paints, or with `false` leaves every text as it is. */
export function createPaint(enabled: boolean): Paint {
  // The caller has decided already; styleText would otherwise look at this process's own streams again.
  return enabled
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_style, text) => text;
}
