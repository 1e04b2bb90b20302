using System.Text;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>A tokenizer.model: the parts of SentencePiece's ModelProto that decide how text becomes ids.</summary>
internal sealed class SentencePieceFile
{
    private static readonly UTF8Encoding _strict = new(false, throwOnInvalidBytes: true);

    private readonly List<SentencePiece> _pieces = [];

    public SentencePieceFile(string path)
    {
        Path = path;
        try
        {
            Read(File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is InvalidDataException or DecoderFallbackException)
        {
            // Llama 3's original file of that name is another format, a text of base64 lines.
            throw new CheckpointException($"{path} is not a SentencePiece model: it has {(exception is DecoderFallbackException ? "a text that is not UTF-8" : exception.Message)}. Fetch the file again, or copy tokenizer.json from where the model came from.", exception);
        }
    }

    public string Path { get; }

    public IReadOnlyList<SentencePiece> Pieces => _pieces;

    public bool BytePairs { get; private set; }

    public string BeginningPiece { get; private set; } = "<s>";

    public string EndPiece { get; private set; } = "</s>";

    public string UnknownPiece => _pieces.Single(piece => piece.Kind is SentencePieceKind.Unknown).Text;

    /// <summary>The compiled map of the normalizer; empty where text stays as it is.</summary>
    public byte[] CharacterMap { get; private set; } = [];

    public bool AddsPrefix { get; private set; } = true;

    public bool RemovesExtraSpaces { get; private set; } = true;

    public bool HasBytes => _pieces.Exists(piece => piece.Kind is SentencePieceKind.Byte);

    public CheckpointException Unsupported(string found, string supported) =>
        new($"{Path} asks for {found}, which cannot be reproduced exactly; supported: {supported}. Copy tokenizer.json from where the model came from, or save it with transformers.");

    private void Read(ReadOnlySpan<byte> file)
    {
        // Without its settings, which every writer puts behind the pieces, the file is cut off.
        ulong? type = null;
        var reader = new ProtobufReader(file);
        while (reader.Next())
            switch (reader.Field)
            {
                case 1: _pieces.Add(ReadPiece(reader.Bytes)); break;
                case 2: type = ReadTrainer(reader.Bytes); break;
                case 3: ReadNormalizer(reader.Bytes); break;
                case 5: ReadDenormalizer(reader.Bytes); break;
            }
        if (type is null) throw new InvalidDataException("no trainer settings");
        if (type is not (1 or 2)) throw Unsupported(type switch { 3 => "the model type WORD", 4 => "the model type CHAR", _ => $"the model type {type}" }, "BPE, UNIGRAM");
        BytePairs = type == 2;
        if (_pieces.Count == 0) throw new InvalidDataException("no pieces");
        if (_pieces.Count(piece => piece.Kind is SentencePieceKind.Unknown) is not 1 and int unknown)
            throw new InvalidDataException($"{unknown} pieces for the unknown, expected 1");
        if (_pieces.GroupBy(piece => piece.Text).FirstOrDefault(group => group.Skip(1).Any()) is { } twice)
            throw new InvalidDataException($"the piece {twice.Key} twice");
        if (_pieces.FirstOrDefault(piece => piece.Kind is SentencePieceKind.Unused) is { Text: { } unused })
            throw Unsupported($"the piece {unused} to be left unused", "pieces in use");
    }

    private static SentencePiece ReadPiece(ReadOnlySpan<byte> message)
    {
        var piece = new SentencePiece("", 0, SentencePieceKind.Normal);
        var reader = new ProtobufReader(message);
        while (reader.Next())
            piece = reader.Field switch
            {
                1 => piece with { Text = _strict.GetString(reader.Bytes) },
                2 => piece with { Score = reader.Single },
                3 => piece with { Kind = (SentencePieceKind)reader.Number },
                _ => piece,
            };
        if (piece.Text.Length == 0) throw new InvalidDataException("a piece without text");
        if (!float.IsFinite(piece.Score)) throw new InvalidDataException($"the score {piece.Score} for the piece {piece.Text}");
        return Enum.IsDefined(piece.Kind) ? piece : throw new InvalidDataException($"the kind {(int)piece.Kind} for the piece {piece.Text}");
    }

    private ulong ReadTrainer(ReadOnlySpan<byte> message)
    {
        ulong type = 1;
        var reader = new ProtobufReader(message);
        while (reader.Next())
            switch (reader.Field)
            {
                case 3: type = reader.Number; break;
                case 24 when reader.Number != 0: throw Unsupported("treat_whitespace_as_suffix", "white space in front of words");
                case 46: BeginningPiece = _strict.GetString(reader.Bytes); break;
                case 47: EndPiece = _strict.GetString(reader.Bytes); break;
            }
        return type;
    }

    private void ReadNormalizer(ReadOnlySpan<byte> message)
    {
        var reader = new ProtobufReader(message);
        while (reader.Next())
            switch (reader.Field)
            {
                case 2: CharacterMap = reader.Bytes.ToArray(); break;
                case 3: AddsPrefix = reader.Number != 0; break;
                case 4: RemovesExtraSpaces = reader.Number != 0; break;
                case 5 when reader.Number == 0: throw Unsupported("escape_whitespaces to be off", "spaces as \u2581");
            }
    }

    private void ReadDenormalizer(ReadOnlySpan<byte> message)
    {
        var reader = new ProtobufReader(message);
        while (reader.Next())
            if (reader.Field == 2 && !reader.Bytes.IsEmpty) throw Unsupported("a denormalizer", "none");
    }
}
