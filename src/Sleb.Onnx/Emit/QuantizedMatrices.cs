using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>Matrices as integers with a scale for each block of a row, as MatMulNBits and GatherBlockQuantized read them.</summary>
internal sealed class QuantizedMatrices(GraphBuilder graph, WeightStream weights, Quantization settings)
{
    /// <summary>A product with the rows of matrices <c>[out, in]</c>, or with the columns of one that lies as <c>[in, out]</c>.</summary>
    /// <param name="isStored">The weight is in the graph already: the embedding, as a head.</param>
    public void Product(string path, string input, string output, string weight, TensorRows[] rows, bool transposed = false, bool isHead = false, bool isStored = false)
    {
        int bits = isHead ? settings.EmbeddingBits : settings.Bits;
        long outputs = transposed ? rows[0].RowElements : rows.Sum(part => part.Count), inputs = transposed ? rows[0].Count : rows[0].RowElements;
        if (!isStored) Store(weight, rows, transposed, (int)outputs, (int)inputs, bits);
        graph.Node("com.microsoft.MatMulNBits", $"{path}/MatMul_Q{bits}", [input, .. Names(weight, bits)], (ReadOnlySpan<string>)[output],
            Attributes.Int("K", inputs), Attributes.Int("N", outputs), Attributes.Int("accuracy_level", 0),
            Attributes.Int("bits", bits), Attributes.Int("block_size", Quantization.BlockSize));
    }

    /// <summary>Rows of a table whose columns are whole blocks.</summary>
    public string Gather(string path, string weight, TensorRows table, string indices)
    {
        int bits = settings.EmbeddingBits, columns = (int)table.RowElements;
        Store(weight, [table], transposed: false, (int)table.Count, columns, bits);
        string[] names = Names(weight, bits);
        string flat = graph.Node("Reshape", path + "/Reshape", [names[0], graph.Constant(table.Count, columns * bits / 8)]);
        return graph.Node("com.microsoft.GatherBlockQuantized", path + "/GatherBlockQuantized", [flat, indices, .. names[1..]],
            Attributes.Int("bits", bits), Attributes.Int("block_size", Quantization.BlockSize), Attributes.Int("gather_axis", 0), Attributes.Int("quantize_axis", 1));
    }

    private string[] Names(string weight, int bits) => settings.ZeroPoints
        ? [$"{weight}_Q{bits}", weight + "_scales", weight + "_zero_points"]
        : [$"{weight}_Q{bits}", weight + "_scales"];

    private void Store(string weight, TensorRows[] rows, bool transposed, int outputs, int inputs, int bits)
    {
        int blocks = (inputs + Quantization.BlockSize - 1) / Quantization.BlockSize, blockBytes = Quantization.BlockSize * bits / 8, zeroBytes = (blocks * bits + 7) / 8;
        var scales = new float[outputs * blocks];
        var zeros = new byte[settings.ZeroPoints ? outputs * zeroBytes : 0];
        int done = 0;
        string[] names = Names(weight, bits);
        graph.Weight(names[0], DataType.Uint8, [outputs, blocks, blockBytes], data => weights.ForEachRows(rows, transposed, (values, count) =>
        {
            var packed = new byte[count * blocks * blockBytes];
            int first = done;
            Parallel.For(0, count, row => Quantize(values.AsSpan(row * inputs, inputs), packed.AsSpan(row * blocks * blockBytes, blocks * blockBytes),
                scales.AsSpan((first + row) * blocks, blocks), settings.ZeroPoints ? zeros.AsSpan((first + row) * zeroBytes, zeroBytes) : [], bits));
            data.WriteBytes(packed);
            done += count;
        }));
        graph.Weight(names[1], [outputs, blocks], data => data.Write(scales));
        if (settings.ZeroPoints) graph.Weight(names[2], DataType.Uint8, [outputs, zeroBytes], data => data.WriteBytes(zeros));
    }

    private void Quantize(ReadOnlySpan<float> row, Span<byte> packed, Span<float> scales, Span<byte> zeros, int bits)
    {
        Span<float> block = stackalloc float[Quantization.BlockSize];
        Span<byte> levels = stackalloc byte[Quantization.BlockSize];
        for (int i = 0; i < scales.Length; i++)
        {
            var part = row[(i * Quantization.BlockSize)..Math.Min(row.Length, (i + 1) * Quantization.BlockSize)];
            block.Clear(); // behind the row's end
            part.CopyTo(block);
            (scales[i], int zero) = BlockQuantizer.Quantize(block, levels, bits, settings.ZeroPoints, settings.ScaleSearch);
            Pack(levels, packed[(i * Quantization.BlockSize * bits / 8)..], bits);
            if (settings.ZeroPoints) zeros[i * bits / 8] |= (byte)(zero << (i * bits % 8));
        }
    }

    /// <summary>The low half of a byte first.</summary>
    private static void Pack(ReadOnlySpan<byte> levels, Span<byte> packed, int bits)
    {
        if (bits == 8) levels.CopyTo(packed);
        else
            for (int i = 0; i < levels.Length; i += 2) packed[i / 2] = (byte)(levels[i] | levels[i + 1] << 4);
    }
}
