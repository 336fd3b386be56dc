/**
 * A point in time, as `datetime` gives it: Go's time.Time as far as templates use it.
 *
 * Owns: its methods, and Go's layouts (`2006-01-02 15:04:05`). The names of zones are those of Node.js, so that some that Go
 * abbreviates (`CET`) show as `GMT+1`.
 */

const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const ELEMENT =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|002|__2|_2006|_2|0[1-6]|15|PM|pm|[Z-]07(?::00:00|0000|:00|00)?|[.,](?:0+|9+)(?!\d)|[1-5]/g
/** How Go prints a time. */
const PLAIN_LAYOUT = '2006-01-02 15:04:05.999999999 -0700 MST'

export class Moment {
  readonly #ms: number
  /** Beyond the milliseconds, from 0 to 999,999. */
  readonly #nanos: number
  readonly #utc: boolean

  constructor(ms: number, nanos = 0, utc = false) {
    this.#ms = ms
    this.#nanos = nanos
    this.#utc = utc
  }

  utc(): Moment {
    return new Moment(this.#ms, this.#nanos, true)
  }

  local(): Moment {
    return new Moment(this.#ms, this.#nanos, false)
  }

  unix(): bigint {
    return BigInt(Math.floor(this.#ms / 1000))
  }

  unixNano(): bigint {
    return BigInt(this.#ms) * 1_000_000n + BigInt(this.#nanos)
  }

  /** The clock's face. Month from 1, day of the year from 1. */
  parts() {
    const offsetMinutes = this.#utc ? 0 : -new Date(this.#ms).getTimezoneOffset()
    const face = new Date(this.#ms + offsetMinutes * 60_000)
    const year = face.getUTCFullYear()
    return {
      year,
      month: face.getUTCMonth() + 1,
      day: face.getUTCDate(),
      hour: face.getUTCHours(),
      minute: face.getUTCMinutes(),
      second: face.getUTCSeconds(),
      nanosecond: face.getUTCMilliseconds() * 1_000_000 + this.#nanos,
      weekday: DAYS[face.getUTCDay()] as string,
      monthName: MONTHS[face.getUTCMonth()] as string,
      yearDay:
        Math.floor((Date.UTC(year, face.getUTCMonth(), face.getUTCDate()) - Date.UTC(year, 0, 1)) / 86_400_000) + 1,
      offsetMinutes,
    }
  }

  /** As Go's Time.Format. */
  format(layout: string): string {
    const parts = this.parts()
    return layout.replace(ELEMENT, (element) => this.#element(element, parts))
  }

  toString(): string {
    return this.format(PLAIN_LAYOUT)
  }

  #element(element: string, parts: ReturnType<Moment['parts']>): string {
    const { year, month, day, hour, minute, second, nanosecond, weekday, monthName, yearDay, offsetMinutes } = parts
    const two = (number: number, fill = '0'): string => String(number).padStart(2, fill)
    if (element.startsWith('.') || element.startsWith(',')) return fraction(element, nanosecond)
    if (element.startsWith('Z07') || element.startsWith('-07')) return zoneOffset(element, offsetMinutes)
    switch (element) {
      case 'January':
        return monthName
      case 'Jan':
        return monthName.slice(0, 3)
      case '1':
        return String(month)
      case '01':
        return two(month)
      case 'Monday':
        return weekday
      case 'Mon':
        return weekday.slice(0, 3)
      case '2':
        return String(day)
      case '_2':
        return two(day, ' ')
      case '02':
        return two(day)
      case '002':
        return String(yearDay).padStart(3, '0')
      case '__2':
        return String(yearDay).padStart(3, ' ')
      case '15':
        return two(hour)
      case '3':
        return String(hour % 12 || 12)
      case '03':
        return two(hour % 12 || 12)
      case '4':
        return String(minute)
      case '04':
        return two(minute)
      case '5':
        return String(second)
      case '05':
        return two(second)
      case '2006':
        return String(year).padStart(4, '0')
      case '_2006':
        return `_${String(year).padStart(4, '0')}`
      case '06':
        return two(year % 100)
      case 'PM':
        return hour < 12 ? 'AM' : 'PM'
      case 'pm':
        return hour < 12 ? 'am' : 'pm'
      default:
        return this.#zoneName()
    }
  }

  #zoneName(): string {
    if (this.#utc) return 'UTC'
    const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(new Date(this.#ms))
    return parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC'
  }
}

function fraction(element: string, nanosecond: number): string {
  const digits = String(nanosecond)
    .padStart(9, '0')
    .slice(0, element.length - 1)
  if (element[1] === '0') return element.charAt(0) + digits
  const shown = digits.replace(/0+$/, '')
  return shown === '' ? '' : element.charAt(0) + shown
}

function zoneOffset(element: string, offsetMinutes: number): string {
  if (element.startsWith('Z') && offsetMinutes === 0) return 'Z'
  const sign = offsetMinutes < 0 ? '-' : '+'
  const minutes = Math.abs(offsetMinutes)
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0')
  const rest = String(minutes % 60).padStart(2, '0')
  const form = element.slice(3)
  if (form === '') return sign + hours
  const colon = form.startsWith(':') ? ':' : ''
  return `${sign}${hours}${colon}${rest}${form.length > 3 ? `${colon}00` : ''}`
}
