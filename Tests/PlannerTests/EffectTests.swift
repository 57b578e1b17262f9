import Planner
import Testing

/// In which order a running guest is changed.
@Suite("effects in a plan")
struct EffectTests {
  @Test("a restart waits for what is changed as the guest runs")
  func order() throws {
    func spec(_ fields: String) -> String {
      """
      stack: lab
      domains:
        web: { \(fields), restart-policy: when-needed, state: running, type: qemu }
      """
    }
    var host = ImaginedHost()
    host.apply(try host.plan(spec("memory: 1 GiB, title: one")))
    host.start("web")
    let actions = try host.plan(spec("memory: 2 GiB, title: two")).actions
    func index(where isOne: (Planner.Operation) -> Bool) throws -> Int {
      try #require(actions.firstIndex { isOne($0.operation) })
    }
    let change = try index { if case .changeRunning = $0 { true } else { false } }
    let restart = try index { if case .restartDomain = $0 { true } else { false } }
    #expect(actions[restart].after.contains(change))
  }
}
