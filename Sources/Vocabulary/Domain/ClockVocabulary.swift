// The clock of a domain, and the timers that it ticks with.

import XMLTree

extension Vocabulary {
  static let domainClock: [Field] = [
    Field(
      "clock.offset", .enumeration(["utc", "localtime", "timezone", "variable", "absolute"]),
      """
      What the guest's clock shows when it starts: UTC, the host's local time, the time of a `timezone`, a `variable` \
      offset that the guest's own changes are kept in, or an `absolute` time. `utc` if not set.
      """, lens: clockOffsetLens, libvirtDefault: .string("utc"), isComparableWhenRunning: false, reference: reference),
    Field(
      "clock.adjustment", .text(.clockAdjustment),
      "Seconds that are added to the clock of a `variable` offset; with `utc` and `localtime` also `reset`.",
      at: "clock/@adjustment", isComparableWhenRunning: false, reference: reference
    ).only(with: "clock.offset", ["utc", "localtime", "variable"]),
    Field(
      "clock.basis", .enumeration(["utc", "localtime"]), "What the adjustment of a `variable` offset is added to.",
      at: "clock/@basis", isComparableWhenRunning: false, reference: reference
    ).only(with: "clock.offset", ["variable"]),
    Field(
      "clock.timezone", .text(.word("the name of a time zone such as Europe/Berlin", besides: "/")),
      "The time zone of an offset `timezone`.", at: "clock/@timezone", reference: reference
    ).only(with: "clock.offset", ["timezone"]).required(with: "clock.offset", "timezone"),
    Field(
      "clock.start", .integer(0...Int.max), "The time of an `absolute` offset, in seconds since 1970.",
      at: "clock/@start", reference: reference
    ).only(with: "clock.offset", ["absolute"]).required(with: "clock.offset", "absolute"),
    Field(
      "clock.timers",
      """
      The guest's timers, by name. A timer that is not named is there if the machine has it; an empty mapping names one \
      without saying more.
      """, table: "clock", "timer", key: "@name",
      .oneOf(
        ["platform", "hpet", "kvmclock", "pit", "rtc", "tsc", "hypervclock", "armvtimer"], "the name of a timer"),
      .record([
        Part("present", .boolean, "Whether the guest has it.", at: "@present", .yesNo),
        Part(
          "tickpolicy", .enumeration(["delay", "catchup", "merge", "discard"]),
          "What becomes of ticks that come too late for the guest.", at: "@tickpolicy"
        ).only(with: FieldCondition.key, "platform", "rtc", "tsc", "hpet", "pit", "armvtimer"),
        Part(
          "track", .enumeration(["boot", "guest", "wall", "realtime"]),
          "What a `platform` timer or an `rtc` follows.", at: "@track"
        ).only(with: FieldCondition.key, "platform", "rtc"),
        Part(
          "frequency", .integer(0...Int.max), "The frequency of a `tsc` in hertz.", at: "@frequency"
        ).only(with: FieldCondition.key, "tsc"),
        Part(
          "mode", .enumeration(["auto", "native", "emulate", "paravirt", "smpsafe"]), "How a `tsc` is provided.",
          at: "@mode"
        ).only(with: FieldCondition.key, "tsc"),
      ]), reference: reference),
  ]

  static let clockGroups = [FieldGroup("clock", "The guest's clock.", shorthand: "offset")]

  private static let reference = "formatdomain.html#time-keeping"

  /// `clock/@offset`. Another offset takes away what only the old one has; timers cannot stand without one.
  private static let clockOffsetLens: Lens = {
    let offset = Lens.at("clock/@offset", .enumeration(["utc", "localtime", "timezone", "variable", "absolute"]))
    return Lens(places: offset.places, read: offset.get) { element, value in
      element.update("clock", create: value != nil) { clock in
        for name in ["adjustment", "basis", "timezone", "start"] { clock[attribute: name] = nil }
      }
      let hasTimers = element.first("clock")?.first("timer") != nil
      offset.put(value ?? (hasTimers ? .string("utc") : nil), into: &element)
    }
  }()
}

extension TextRule {
  static let clockAdjustment = TextRule(
    "a number of seconds, or `reset`", pattern: "^(-?[0-9]+|reset)$",
    normalise: { text in text == "reset" ? text : Int(text).map(String.init) })
}
