using System.Buffers.Binary;

namespace Sleb.Core.Tokenization;

/// <summary>Walks the fields of one protocol-buffer message; whatever is no such message is an <see cref="InvalidDataException"/>.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    /// <summary>The number of the field read last.</summary>
    public int Field { get; private set; }

    /// <summary>The value of a whole number, a truth value or an enumeration.</summary>
    public ulong Number { get; private set; }

    /// <summary>The value of a string, bytes or a message.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    public readonly float Single => BitConverter.UInt32BitsToSingle((uint)Number);

    public bool Next()
    {
        if (_rest.IsEmpty) return false;
        ulong tag = Variable();
        (Field, Number) = ((int)Math.Min(tag >> 3, int.MaxValue), 0);
        Bytes = default;
        switch (tag & 7)
        {
            case 0: Number = Variable(); break;
            case 1: Number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8)); break;
            case 2: Bytes = Take(Variable()); break;
            case 5: Number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4)); break;
            default: throw new InvalidDataException($"a field of the wire type {tag & 7}");
        }
        return Field > 0 ? true : throw new InvalidDataException("a field without a number");
    }

    private ulong Variable()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
        throw new InvalidDataException("a number of more than ten bytes");
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length) throw new InvalidDataException("a field that ends behind the file");
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }
}
