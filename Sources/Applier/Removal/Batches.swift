// Requests of a run, put together: whoever comes while others are served waits for the next turn, with all who came since.

/// Serves requests in batches, one batch at a time.
actor Batches<Request: Sendable> {
  private let perform: @Sendable ([Request]) async -> [ActionFailure?]
  private var waiting: [(request: Request, continuation: CheckedContinuation<ActionFailure?, Never>)] = []
  private var isBusy = false

  /// - Parameter perform: serves a batch, and says of each request why it failed; nil for one that did not.
  init(_ perform: @escaping @Sendable ([Request]) async -> [ActionFailure?]) {
    self.perform = perform
  }

  /// Waits until a request was served.
  func add(_ request: Request) async throws(ActionFailure) {
    let failure = await withCheckedContinuation { continuation in
      waiting.append((request, continuation))
      guard !isBusy else { return }
      isBusy = true
      Task { await work() }
    }
    if let failure { throw failure }
  }

  private func work() async {
    while !waiting.isEmpty {
      let batch = waiting
      waiting = []
      let failures = await perform(batch.map(\.request))
      for (one, failure) in zip(batch, failures) { one.continuation.resume(returning: failure) }
    }
    isBusy = false
  }
}
