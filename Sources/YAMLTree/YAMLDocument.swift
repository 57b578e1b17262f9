// Writing YAML: documents made in code, put on paper by libyaml's emitter.

import CLibYAML

/// What a document made in code holds.
public indirect enum YAMLDocument: Sendable, Hashable {
  /// A text that stays one: quoted where it would read as something else.
  case text(String)
  /// A number, `true` or `false`, as it is.
  case plain(String)
  /// Lines that are kept as they are.
  case block(String)
  /// Nothing at all behind a key.
  case null
  /// Elements in order, each behind a dash.
  case list([YAMLDocument])
  /// Entries in the order in which they are written; keys must be unique.
  case mapping([(key: String, value: YAMLDocument)])

  /// Whether two documents have the same content, with the entries of mappings in the same order.
  public static func == (a: YAMLDocument, b: YAMLDocument) -> Bool {
    switch (a, b) {
    case (.text(let a), .text(let b)), (.plain(let a), .plain(let b)), (.block(let a), .block(let b)): a == b
    case (.null, .null): true
    case (.list(let a), .list(let b)): a == b
    case (.mapping(let a), .mapping(let b)): a.elementsEqual(b) { $0.key == $1.key && $0.value == $1.value }
    default: false
    }
  }

  /// Hashes what `==` compares.
  public func hash(into hasher: inout Hasher) {
    switch self {
    case .text(let text), .plain(let text), .block(let text): hasher.combine(text)
    case .null: hasher.combine(0)
    case .list(let elements): hasher.combine(elements)
    case .mapping(let entries):
      for entry in entries {
        hasher.combine(entry.key)
        hasher.combine(entry.value)
      }
    }
  }
}

extension YAMLDocument {
  /// The document as YAML: two spaces a level, short lists on one line, long texts never broken.
  public func serialised() -> String {
    var emitter = Emitter()
    return emitter.write(self)
  }
}

/// libyaml's emitter, writing into memory.
private struct Emitter {
  private var emitter = UnsafeMutablePointer<yaml_emitter_t>.allocate(capacity: 1)
  private let output = Output()

  private final class Output {
    var bytes: [UInt8] = []
  }

  mutating func write(_ document: YAMLDocument) -> String {
    emitter.initialize(to: yaml_emitter_t())
    yaml_emitter_initialize(emitter)
    defer {
      yaml_emitter_delete(emitter)
      emitter.deallocate()
    }
    yaml_emitter_set_unicode(emitter, 1)
    yaml_emitter_set_width(emitter, -1)
    yaml_emitter_set_output(
      emitter,
      { context, buffer, size in
        let output = Unmanaged<Output>.fromOpaque(context!).takeUnretainedValue()
        output.bytes.append(contentsOf: UnsafeBufferPointer(start: buffer, count: size))
        return 1
      }, Unmanaged.passUnretained(output).toOpaque())
    emit { yaml_stream_start_event_initialize($0, YAML_UTF8_ENCODING) }
    emit { yaml_document_start_event_initialize($0, nil, nil, nil, 1) }
    put(document)
    emit { yaml_document_end_event_initialize($0, 1) }
    emit { yaml_stream_end_event_initialize($0) }
    yaml_emitter_flush(emitter)
    return withExtendedLifetime(output) { String(decoding: output.bytes, as: UTF8.self) }
  }

  private func put(_ node: YAMLDocument) {
    switch node {
    case .text(let text): scalar(text, Self.style(of: text))
    case .plain(let text): scalar(text, YAML_PLAIN_SCALAR_STYLE)
    case .block(let text): scalar(text, YAML_LITERAL_SCALAR_STYLE)
    case .null: scalar("", YAML_PLAIN_SCALAR_STYLE)
    case .list(let elements):
      let isShort = elements.allSatisfy(\.isScalar)
      emit {
        yaml_sequence_start_event_initialize(
          $0, nil, nil, 1, isShort ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE)
      }
      for element in elements { put(element) }
      emit { yaml_sequence_end_event_initialize($0) }
    case .mapping(let entries):
      emit {
        yaml_mapping_start_event_initialize(
          $0, nil, nil, 1, entries.isEmpty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE)
      }
      for entry in entries {
        scalar(entry.key, Self.style(of: entry.key))
        put(entry.value)
      }
      emit { yaml_mapping_end_event_initialize($0) }
    }
  }

  private static func style(of text: String) -> yaml_scalar_style_t {
    if case .string = CoreSchema.resolve(text) { return YAML_PLAIN_SCALAR_STYLE }
    return YAML_DOUBLE_QUOTED_SCALAR_STYLE
  }

  private func scalar(_ text: String, _ style: yaml_scalar_style_t) {
    var text = text
    text.withUTF8 { bytes in
      // libyaml takes a length, and reads nothing of an empty text.
      let start = bytes.baseAddress.map { UnsafePointer($0) }
      emit {
        yaml_scalar_event_initialize($0, nil, nil, start ?? UnsafePointer(Self.empty), Int32(bytes.count), 1, 1, style)
      }
    }
  }

  nonisolated(unsafe) private static let empty = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)

  /// Makes an event and hands it over; the emitter frees it.
  private func emit(_ make: (UnsafeMutablePointer<yaml_event_t>) -> Int32) {
    var event = yaml_event_t()
    // Both fail only without memory, and for texts that are not UTF-8, which Swift's are.
    guard make(&event) == 1 else { return }
    yaml_emitter_emit(emitter, &event)
  }
}

extension YAMLDocument {
  fileprivate var isScalar: Bool {
    switch self {
    case .text, .plain: true
    case .block, .null, .list, .mapping: false
    }
  }
}
