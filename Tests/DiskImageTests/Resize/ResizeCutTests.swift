// Growing over whatever could show through in the new range, cut at every write.

import Foundation
import Testing

@testable import DiskImage

@Suite("Resizing, cut short")
struct ResizeCutTests {
  @Test(
    "cut at any write, the disk is the old one or the new one",
    arguments: growthScenarios.filter { $0.newSize <= 80 << 20 })
  func cuts(scenario: GrowthScenario) throws {
    let operation = InPlaceOperation(name: scenario.name) { folder, journal in
      let storage = try JournalStorage(path: folder("image"), journal: journal)
      let below = try GuestDisk.open(below: ImageInfo.read(path: folder("image")), references: .anywhere)
      _ = try ImageResize.resize(storage, to: scenario.newSize, shrinking: .refused, below: below)
    } change: { files in
      files["image"]!.disk += [UInt8](repeating: 0, count: Int(scenario.newSize - scenario.oldSize))
    }
    let trial = try Trial(operation) {
      let folder = try Folder()
      try scenario.build(folder)
      return folder
    }
    try trial.cut(stride: scenario.newSize > 8 << 20 ? 8 : 2)
  }
}
