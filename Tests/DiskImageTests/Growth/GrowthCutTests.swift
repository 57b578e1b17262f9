// Cuts growing at every write: whatever part of the writes between two flushes reached the disk, the image must be clean or leak, and show the old disk or the new one.

import Foundation
import Testing

@testable import DiskImage

/// Grows through a layer under test.
private func grow(_ storage: JournalStorage, to size: UInt64) throws {
  let info = try ImageInfo.read(path: storage.name, format: .qcow2)
  let below = try GuestDisk.open(below: info, references: .anywhere)
  _ = try ImageResize.resize(storage, to: size, shrinking: .refused, below: below)
}

/// The image must be clean or leak, and show the scenario's old disk or its new one.
private func expectOldOrNew(_ path: String, _ scenario: GrowthScenario, _ note: String) throws {
  try expectClean(path, leaks: true, note)
  let size = try ImageInfo.read(path: path, format: .qcow2).virtualSize
  #expect(size == scenario.oldSize || size == scenario.newSize, "\(note)")
  var content = scenario.content
  if size == scenario.newSize { content.append((0, scenario.oldSize, size - scenario.oldSize)) }
  try expectPattern(path, content.map { ($0.0, $0.1, min($0.2, 32 << 20)) }, note)
}

@Suite("Growing, cut short")
struct GrowthCutTests {
  @Test(
    "cut at any write, the disk is the old one or the new one, and nothing worse than leaks is left",
    arguments: growthScenarios.filter { $0.newSize <= 20 << 30 })
  func cuts(scenario: GrowthScenario) throws {
    let folder = try Folder()
    try scenario.build(folder)
    let image = folder("image")
    let before = try bytes(of: image)
    let storage = try JournalStorage(path: image, journal: Journal())
    try grow(storage, to: scenario.newSize)

    #expect(storage.journal.endsFlushed)
    try expectClean(image)
    try storage.journal.forEachCut(from: [image: before]) { cut in
      try write(cut.contents[image] ?? [], to: folder("cut"))
      try expectOldOrNew(folder("cut"), scenario, cut.note)
    }
  }

  @Test(
    "failing at any write, the caller is told, and the image is left as a cut would leave it",
    arguments: growthScenarios.filter { $0.newSize <= 20 << 30 })
  func fails(scenario: GrowthScenario) throws {
    let folder = try Folder()
    try scenario.build(folder)
    let original = try bytes(of: folder("image"))
    for failing in 0..<1000 {
      try write(original, to: folder("image"))
      let storage = try JournalStorage(path: folder("image"), journal: Journal(failing: failing))
      do {
        try grow(storage, to: scenario.newSize)
        #expect(failing == storage.journal.entries.count)
        return
      } catch {
        #expect(error as? ImageError == .noSpace(path: folder("image"), operation: "write"))
        try expectOldOrNew(folder("image"), scenario, "change \(failing)")
      }
    }
    Issue.record("growing did not end")
  }
}
