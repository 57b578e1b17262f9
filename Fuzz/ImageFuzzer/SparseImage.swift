// Images as inputs: a few hundred bytes that say what an image of up to a megabyte holds and where, so that a mutation meets metadata and not the zeros between them.

import DiskImage

/// An input that stands for an image.
///
/// A byte that chooses what is done with the image, its length in sectors (two bytes), and what is in it: a place (three
/// bytes), then either the number of bytes and the bytes, or a zero, a value and how many times eight bytes have it.
/// What lies beyond the length is left out. All numbers are big-endian.
struct SparseImage {
  static let longest = 2048 * 512

  /// Chooses what is done with the image.
  let choice: UInt8
  let bytes: [UInt8]

  init?(_ input: [UInt8]) {
    guard input.count >= 3 else { return nil }
    choice = input[0]
    var image = [UInt8](repeating: 0, count: min((Int(input[1]) << 8 | Int(input[2])) * 512, Self.longest))
    var index = 3
    while index + 4 <= input.count {
      let place = Int(input[index]) << 16 | Int(input[index + 1]) << 8 | Int(input[index + 2])
      let count = Int(input[index + 3])
      index += 4
      if count > 0 {
        let end = min(index + count, input.count)
        for (offset, byte) in input[index..<end].enumerated() where place + offset < image.count {
          image[place + offset] = byte
        }
        index = end
      } else {
        guard index + 2 <= input.count else { break }
        let end = min(place + Int(input[index + 1]) * 8, image.count)
        for offset in stride(from: place, to: end, by: 1) { image[offset] = input[index] }
        index += 2
      }
    }
    bytes = image
  }

  /// The input that stands for an image.
  static func input(for image: [UInt8], choice: UInt8) -> [UInt8] {
    let sectors = (image.count + 511) / 512
    var input = [choice, UInt8(sectors >> 8), UInt8(sectors & 0xFF)]
    var index = 0
    while index < image.count {
      guard image[index] != 0 else {
        index += 1
        continue
      }
      let place = [UInt8(index >> 16), UInt8(index >> 8 & 0xFF), UInt8(index & 0xFF)]
      let same = image[index...].prefix { $0 == image[index] }.count / 8
      if same > 1 {
        let count = min(same, 255)
        input += place + [0, image[index], UInt8(count)]
        index += count * 8
        continue
      }
      // To where a few zeros follow, or many bytes of one value.
      var end = index + 1
      while end < min(index + 255, image.count) {
        let next = image[end..<min(end + 16, image.count)]
        if next.prefix(6).allSatisfy({ $0 == 0 }) || next.allSatisfy({ $0 == next.first }) { break }
        end += 1
      }
      input += place + [UInt8(end - index)] + image[index..<end]
      index = end
    }
    return input
  }
}
