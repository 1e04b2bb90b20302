using System.Globalization;
using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.Emit;

/// <summary>Moves weights from the checkpoint into the data file in pieces of bounded size.</summary>
/// <param name="maxElements">Of a matrix being transposed, at most so many are held, whatever its size.</param>
internal sealed class WeightStream(Checkpoint checkpoint, ExternalData data, int maxElements, CancellationToken cancellationToken)
{
    private const int TileColumns = 16;

    /// <summary>Kept for the next matrix: garbage of this size would wait long for its collector.</summary>
    private float[] _panel = [], _tile = [], _rows = [];

    /// <summary>The rows as they lie in the checkpoint.</summary>
    public void Copy(TensorRows rows)
    {
        long first = rows.First * rows.RowElements, elements = rows.Count * rows.RowElements;
        float[] buffer = Grown(ref _rows, Math.Min(elements, 1 << 20));
        for (long done = 0; done < elements; done += buffer.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, elements - done));
            Read(rows.Tensor, part, first + done);
            data.Write(part);
        }
    }

    /// <summary>
    /// Rows of matrices <c>[out, in]</c> of equal <c>in</c>, stacked along <c>out</c> and written transposed: <c>[in, out]</c>, as MatMul multiplies.
    /// </summary>
    public void CopyTransposed(params ReadOnlySpan<TensorRows> stacked)
    {
        int columns = (int)stacked[0].RowElements, rows = 0;
        foreach (var part in stacked) rows += (int)part.Count;
        int width = Math.Clamp(maxElements / rows, 1, columns);
        float[] panel = Grown(ref _panel, (long)rows * width), tile = Grown(ref _tile, (long)rows * Math.Min(TileColumns, width));
        for (int first = 0; first < columns; first += width)
        {
            int count = Math.Min(width, columns - first);
            ReadPanel(stacked, first, count, panel);
            for (int column = 0; column < count; column += TileColumns)
            {
                int tiled = Math.Min(TileColumns, count - column);
                for (int row = 0; row < rows; row++)
                    for (int i = 0; i < tiled; i++)
                        tile[i * rows + row] = panel[row * count + column + i];
                data.Write(tile.AsSpan(0, tiled * rows));
            }
        }
    }

    /// <summary>
    /// All output rows of a product, some at a time and each whole: those of matrices <c>[out, in]</c> one after the other, or the columns of one that
    /// lies as <c>[in, out]</c>.
    /// </summary>
    /// <param name="handle">Gets rows <c>[count, in]</c> and their count.</param>
    public void ForEachRows(TensorRows[] stacked, bool transposed, Action<float[], int> handle)
    {
        int columns = (int)stacked[0].RowElements;
        if (transposed)
        {
            int inputs = (int)stacked[0].Count, width = Math.Clamp(maxElements / inputs, 1, columns);
            float[] panel = new float[(long)inputs * width], turned = new float[panel.Length];
            for (int first = 0; first < columns; first += width)
            {
                int count = Math.Min(width, columns - first);
                ReadPanel(stacked, first, count, panel);
                for (int row = 0; row < inputs; row++)
                    for (int column = 0; column < count; column++) turned[column * inputs + row] = panel[row * count + column];
                handle(turned, count);
            }
            return;
        }
        float[] rows = new float[Math.Max(1, (1 << 20) / columns) * columns];
        foreach (var (tensor, firstRow, rowCount) in stacked)
            for (long done = 0; done < rowCount; done += rows.Length / columns)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int count = (int)Math.Min(rows.Length / columns, rowCount - done);
                Read(tensor, rows.AsSpan(0, count * columns), (firstRow + done) * columns);
                handle(rows, count);
            }
    }

    /// <summary>The old array goes before the new one comes: together they may be more than there is room for.</summary>
    private static float[] Grown(ref float[] array, long length)
    {
        if (array.Length >= length) return array;
        array = [];
        return array = new float[length];
    }

    /// <summary>Columns <paramref name="first"/> and following of every row, row-major <c>[rows, count]</c>.</summary>
    private void ReadPanel(ReadOnlySpan<TensorRows> stacked, int first, int count, float[] panel)
    {
        int done = 0;
        foreach (var (tensor, firstRow, rowCount) in stacked)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = (int)rowCount;
            long columns = tensor.Shape[1];
            if (count == columns)
                Read(tensor, panel.AsSpan(done, rows * count), firstRow * columns);
            else
                for (int row = 0; row < rows; row++)
                    Read(tensor, panel.AsSpan(done + row * count, count), (firstRow + row) * columns + first);
            done += rows * count;
        }
    }

    /// <exception cref="CheckpointException">A value is beyond the number format it is to be stored in.</exception>
    private void Read(TensorEntry tensor, Span<float> values, long first)
    {
        checkpoint.Read(tensor, values, first);
        float largest = FloatTypes.Largest(data.Type);
        int beyond = values.IndexOfAnyExceptInRange(-largest, largest);
        if (beyond >= 0)
            throw new CheckpointException(string.Create(CultureInfo.InvariantCulture,
                $"{tensor.File} holds {values[beyond]} in tensor '{tensor.Name}', which {data.Type.ToString().ToLowerInvariant()} cannot store; give another precision."));
    }
}
