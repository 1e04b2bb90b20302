using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.Emit;

/// <summary>Moves weights from the checkpoint into the data file in pieces of bounded size.</summary>
/// <param name="maxElements">Of a matrix being transposed, at most so many are held: 128 MB of float32, whatever its size.</param>
internal sealed class WeightStream(
    Checkpoint checkpoint, ExternalData data, CancellationToken cancellationToken, int maxElements = 32 << 20)
{
    private const int TileColumns = 16;

    /// <summary>The tensor as it lies in the checkpoint.</summary>
    public void Copy(TensorEntry tensor)
    {
        float[] buffer = new float[Math.Min(tensor.Elements, 1 << 20)];
        for (long done = 0; done < tensor.Elements; done += buffer.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, tensor.Elements - done));
            checkpoint.Read(tensor, part, done);
            data.Write(part);
        }
    }

    /// <summary>
    /// Matrices <c>[out, in]</c> of equal <c>in</c>, stacked along <c>out</c> and written transposed: <c>[in, out]</c>, as MatMul multiplies.
    /// </summary>
    public void CopyTransposed(params ReadOnlySpan<TensorEntry> stacked)
    {
        int columns = (int)stacked[0].Shape[1], rows = 0;
        foreach (var tensor in stacked) rows += (int)tensor.Shape[0];
        int width = Math.Clamp(maxElements / rows, 1, columns);
        float[] panel = new float[(long)rows * width], tile = new float[(long)rows * Math.Min(TileColumns, width)];
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

    /// <summary>Columns <paramref name="first"/> and following of every row, row-major <c>[rows, count]</c>.</summary>
    private void ReadPanel(ReadOnlySpan<TensorEntry> stacked, int first, int count, float[] panel)
    {
        int done = 0;
        foreach (var tensor in stacked)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = (int)tensor.Shape[0];
            long columns = tensor.Shape[1];
            if (count == columns)
                checkpoint.Read(tensor, panel.AsSpan(done, rows * count));
            else
                for (int row = 0; row < rows; row++)
                    checkpoint.Read(tensor, panel.AsSpan(done + row * count, count), row * columns + first);
            done += rows * count;
        }
    }
}
