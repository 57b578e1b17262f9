// Moments, and waiting.

internal import Glibc

/// The machine's clocks.
package enum SystemClock {
  /// Nanoseconds of a clock that never goes back (CLOCK_MONOTONIC). A signal's handler may ask for them.
  package static var monotonic: UInt64 { nanoseconds(CLOCK_MONOTONIC) }

  /// Nanoseconds since 1970.
  package static var realtime: UInt64 { nanoseconds(CLOCK_REALTIME) }

  /// Seconds since 1970.
  package static var now: Int { time(nil) }

  /// Keeps the thread waiting.
  package static func sleep(microseconds: UInt32) { usleep(microseconds) }

  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// A moment in UTC, by the calendar.
package struct CalendarMoment: Sendable, Hashable {
  /// The year of the common era.
  package var year: Int
  /// 1 to 12.
  package var month: Int
  /// 1 to 31.
  package var day: Int
  /// 0 to 23.
  package var hour: Int
  /// 0 to 59.
  package var minute: Int
  /// 0 to 60.
  package var second: Int

  /// A moment by its parts, which are not looked at.
  package init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second) = (hour, minute, second)
  }

  /// The moment so many seconds after the beginning of 1970; nil for a year that no calendar here has.
  package init?(seconds: Int) {
    var time = time_t(seconds)
    var parts = tm()
    guard gmtime_r(&time, &parts) != nil else { return nil }
    self.init(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
      minute: Int(parts.tm_min), second: Int(parts.tm_sec))
  }

  /// Seconds since the beginning of 1970. Parts beyond their range count on: the 32nd of January is the 1st of February.
  package var seconds: Int {
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (
      Int32(clamping: year - 1900), Int32(clamping: month - 1), Int32(clamping: day)
    )
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (
      Int32(clamping: hour), Int32(clamping: minute), Int32(clamping: second)
    )
    return timegm(&parts)
  }

  /// `2026-11-24`.
  package var date: String { "\(year)-\(Self.two(month))-\(Self.two(day))" }

  /// `18:09:09`.
  package var time: String { "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))" }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
