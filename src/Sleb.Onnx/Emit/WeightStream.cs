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
            checkpoint.Read(rows.Tensor, part, first + done);
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

    private static float[] Grown(ref float[] array, long length) => array.Length >= length ? array : array = new float[length];

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
                checkpoint.Read(tensor, panel.AsSpan(done, rows * count), firstRow * columns);
            else
                for (int row = 0; row < rows; row++)
                    checkpoint.Read(tensor, panel.AsSpan(done + row * count, count), (firstRow + row) * columns + first);
            done += rows * count;
        }
    }
}
