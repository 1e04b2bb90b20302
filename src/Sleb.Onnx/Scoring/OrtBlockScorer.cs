using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Sleb.Core.Search;

namespace Sleb.Onnx.Scoring;

/// <summary>Scores candidates on the folder that ships, in its own arithmetic.</summary>
/// <remarks>Prefix sharing: a window's hidden state walks through the alive blocks, and at each candidate the walk branches into "without this block".</remarks>
internal sealed class OrtBlockScorer(OrtBlockModel model, IReadOnlyList<int[]> windows) : IBlockScorer
{
    public int BlockCount => model.BlockCount;

    public int WindowCount => windows.Count;

    public int WindowsPerPass => 1;

    public IEnumerable<WindowLoss> ScoreWithout(
        IReadOnlyList<int> alive, IReadOnlyList<int> candidates, int firstWindow, int windowCount, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        if (arithmetic != Arithmetic.Fp32) throw new ArgumentException("A folder is scored in the arithmetic it was written for; there is no other to screen in.");
        for (int window = firstWindow; window < firstWindow + windowCount; window++)
        {
            int[] ids = windows[window];
            var state = model.Embed(ids);
            try
            {
                int position = 0;
                foreach (int block in candidates)
                {
                    if (block != IBlockScorer.NoBlock)
                        for (; alive[position] != block; position++)
                        {
                            cancellationToken.ThrowIfCancellationRequested();
                            state = Advance(alive[position], state);
                        }
                    var behind = alive.Skip(block == IBlockScorer.NoBlock ? position : position + 1);
                    yield return WindowLoss.Of(block, window, model.TokenNll(state, behind, ids, cancellationToken));
                }
            }
            finally
            {
                state.Dispose();
            }
        }
    }

    public BlockMeasurement MeasureBlocks(CancellationToken cancellationToken)
    {
        var cosines = new double[BlockCount];
        var times = new TimeSpan[BlockCount];
        foreach (int[] ids in windows)
        {
            var state = model.Embed(ids);
            float[] input = OrtPart.Floats(state);
            for (int block = 0; block < BlockCount; block++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                long started = Stopwatch.GetTimestamp();
                state = Advance(block, state);
                times[block] += Stopwatch.GetElapsedTime(started);
                float[] output = OrtPart.Floats(state);
                cosines[block] += SumOfCosines(input, output, ids.Length);
                input = output;
            }
            state.Dispose();
        }
        long tokens = windows.Sum(ids => (long)ids.Length);
        return new([.. cosines.Select(sum => 1 - sum / tokens)], [.. times.Select(time => Math.Round(time.TotalMilliseconds / windows.Count, 3))]);
    }

    private OrtValue Advance(int block, OrtValue state)
    {
        using var input = state;
        return model.Block(block, input);
    }

    private static double SumOfCosines(float[] a, float[] b, int tokens)
    {
        double sum = 0;
        int size = a.Length / tokens;
        for (int t = 0; t < tokens; t++)
        {
            double product = 0, left = 0, right = 0;
            for (int i = t * size; i < (t + 1) * size; i++)
            {
                product += (double)a[i] * b[i];
                left += (double)a[i] * a[i];
                right += (double)b[i] * b[i];
            }
            sum += product / Math.Sqrt(left * right);
        }
        return sum;
    }
}
