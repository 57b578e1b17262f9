// Ctrl-C during an apply: the first asks it to stop, the second ends the process. What comes twice at once is one.

import Applier
import BlockingWork
import DiskImage
import Libvirt
import Planner
import Report
import Synchronization
import SystemCalls

/// Carries out a plan so that signals end it in good order.
struct InterruptibleApply {
  let connection: LibvirtConnection
  let jobs: Int
  let disruptions: Int?
  let patience: LockPatience

  func apply(_ plan: Plan, showing progress: ApplyProgress) async -> ApplyResult {
    let signals = SignalWatch(restoringTerminal: progress.isLive)
    let applier = Applier(connection: connection, jobs: jobs, disruptions: disruptions, patience: patience)
    return await withTaskGroup(of: Void.self) { drawing in
      drawing.addTask { await progress.draw() }
      let result = await withTaskGroup(of: ApplyResult?.self) { group in
        group.addTask { await applier.apply(plan) { progress.report($0) } }
        group.addTask {
          await signals.first()
          return nil
        }
        var result: ApplyResult?
        for await finished in group {
          if let finished {
            result = finished
            signals.end()
          } else if result == nil, SignalState.count.load(ordering: .sequentiallyConsistent) > 0 {
            progress.say("Interrupted: finishing the running steps. Press Ctrl-C again to end at once.")
            group.cancelAll()
          }
        }
        return result ?? ApplyResult(outcomes: plan.actions.map { _ in .notStarted }, wasInterrupted: true)
      }
      progress.end()
      drawing.cancelAll()
      return result
    }
  }
}

/// What the signal handler touches. It may interrupt any code, so there are only numbers and system calls.
private enum SignalState {
  static let count = Atomic<Int32>(0)
  static let descriptor = Atomic<Int32>(-1)
  static let restoresTerminal = Atomic<Bool>(false)
}

/// Watches SIGINT, SIGTERM and SIGHUP from its creation on.
private final class SignalWatch: Sendable {
  private let pipe = WakingPipe()
  private let thread = BlockingPool(name: "signals", threads: 1)
  /// What the signals did before.
  private let before: [Signals.Handling]

  /// - Parameter restoringTerminal: whether the cursor is hidden meanwhile.
  init(restoringTerminal: Bool) {
    SignalState.count.store(0, ordering: .sequentiallyConsistent)
    SignalState.descriptor.store(pipe.handlerEnd, ordering: .sequentiallyConsistent)
    SignalState.restoresTerminal.store(restoringTerminal, ordering: .sequentiallyConsistent)
    before = EndingSignals.heard.map { signal in
      Signals.handle(signal) { number in
        guard EndingSignals.counts(number) else { return }
        let before = SignalState.count.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
        if before == 0 {
          Signals.writeByte(to: SignalState.descriptor.load(ordering: .sequentiallyConsistent))
          return
        }
        let isHidden = SignalState.restoresTerminal.load(ordering: .sequentiallyConsistent)
        let text: StaticString =
          isHidden
          ? "\u{1B}[?25h\r\u{1B}[Jinterrupted: ended at once; run the command again to continue\n"
          : "interrupted: ended at once; run the command again to continue\n"
        Signals.write(text, to: 2)
        ThisProcess.endAtOnce(1)
      }
    }
  }

  /// Returns when a first signal has come, or after ``end()``.
  func first() async {
    try? await thread.run { [pipe] in pipe.wait() }
  }

  /// Stops watching: signals do what they did before.
  func end() {
    for handling in before { handling.restore() }
    SignalState.descriptor.store(-1, ordering: .sequentiallyConsistent)
    pipe.close()
  }
}
