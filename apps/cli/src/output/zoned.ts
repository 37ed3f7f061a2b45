/** Times as a clock in some place shows them. */

/** RFC 3339 with the offset of the zone at that time, such as `2026-11-22T09:00:00+01:00`; the text itself when either is not known. */
export function zoned(time: string, zone: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return time;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'longOffset',
    });
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const offset = (part['timeZoneName'] ?? '').replace('GMT', '').replace('+00:00', '') || 'Z';
    return `${part['year']}-${part['month']}-${part['day']}T${part['hour']}:${part['minute']}:${part['second']}${offset}`;
  } catch {
    return time;
  }
}
