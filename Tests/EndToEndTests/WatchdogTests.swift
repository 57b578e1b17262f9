// Watchdogs on this machine's libvirt, whether it adds the board's own by itself or not.

import TestSupport
import Testing

@Suite("watchdogs", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct WatchdogTests {
  private static func spec(_ watchdogs: String, _ state: String) -> String {
    """
    stack: dogs
    domains: { web: { type: qemu, memory: 16 MiB, state: \(state), watchdogs: { \(watchdogs) } } }

    """
  }

  @Test("come, change what they do, and go, in one apply each", arguments: ["stopped", "running"])
  func life(state: String) throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec("", state))
      let before = try host.definition("web").all("//watchdog/@action")
      for wish in [
        "dog: { model: i6300esb, action: poweroff }", "dog: { model: i6300esb, action: none }",
        "dog: { model: i6300esb }", "",
      ] {
        try host.apply(Self.spec(wish, state))
        let plan = try host.plan(Self.spec(wish, state))
        #expect(plan.status == 0, "\(wish): \(plan.output)")
      }
      #expect(try host.definition("web").all("//watchdog/@action") == before)
    }
  }
}
