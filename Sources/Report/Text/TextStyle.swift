// How a report looks: colours and the terminal's width.

/// The looks of a text for people.
public struct TextStyle: Sendable, Hashable {
  /// Whether to add ANSI colours. They carry no meaning of their own.
  public var color: Bool
  /// The columns that a line may take.
  public var width: Int

  /// - Parameter width: the terminal's; less than 40 columns are taken for 40.
  public init(color: Bool = false, width: Int = 80) {
    self.color = color
    self.width = max(width, 40)
  }

  /// What a piece of text is drawn with: parameters of ECMA-48's SGR sequence.
  enum Ink: String {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    /// Bold, because plain blue is hard to read on black.
    case blue = "1;34"
    case magenta = "35"
    case cyan = "36"
    case alarm = "1;31"
  }

  func paint(_ text: String, _ ink: Ink?) -> String {
    guard color, let ink, !text.isEmpty else { return text }
    return "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m"
  }
}
